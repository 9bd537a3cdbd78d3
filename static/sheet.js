// The record sheet: a digit answers, the next question comes by itself, progress is shown.
const sheet = {
  form: () => document.getElementById("sheet"),
  opened: Number(document.body.dataset.kept ?? Date.now()), // a kept copy is older than its opening
  elapsed: () => Date.now() - sheet.opened, // the server's clock, carried on by ours
  iso: () => new Date(Date.parse(sheet.form().dataset.now) + sheet.elapsed()).toISOString(),
  local: () =>
    new Date(Date.parse(`${sheet.form().dataset.nowLocal}Z`) + sheet.elapsed())
      .toISOString()
      .slice(0, 16),
};

(() => {
  const all = (selector) => [...(sheet.form()?.querySelectorAll(selector) ?? [])];
  const items = () => all("details.scale[open] fieldset.item");
  const needed = () => items().filter((item) => !item.hasAttribute("data-optional"));
  const numbers = () => all("#vitals .vitals .input");
  const groups = () => all("#vitals .acvpu, #vitals .oxygen .segment");
  const answered = (item) => item.querySelector("input:checked");
  const bound = (form) => form.querySelector("#scales").disabled;

  function paint() {
    const form = sheet.form();
    if (!form) return;
    const outcome = form.elements.outcome.value;
    form.querySelector("#breath-timer").hidden = false;
    form.querySelector("#scales").disabled = outcome !== "assessed";
    form.querySelector("#vitals").disabled = ["off_unit", "staff_unavailable"].includes(outcome);
    showUnits(form);
    const asked = bound(form) ? [] : needed();
    const done = asked.filter(answered).length;
    const vitals = [...numbers().filter((n) => n.value.trim()), ...groups().filter(answered)].length;
    const of = numbers().length + groups().length;
    const words = asked.length ? `${done} of ${asked.length} items, ` : "";
    form.querySelector("#progress-words").textContent = `${words}${vitals} of ${of} vital signs`;
    const bar = form.querySelector("#progress");
    bar.max = asked.length + of;
    bar.value = done + vitals;
    const next = asked.find((item) => !answered(item));
    asked.forEach((item) => item.toggleAttribute("data-next", item === next));
    const link = form.querySelector("#next-open");
    link.hidden = !next;
    if (next) {
      link.href = `#${next.id}`;
      link.textContent = `next: ${next.querySelector("legend").childNodes[2].textContent.trim()}`;
    }
  }

  // What is typed is in the unit that is chosen: the label says so, and what is possible follows.
  function showUnits(form) {
    for (const number of numbers().filter((one) => one.dataset.units)) {
      const unit = form.elements[number.name === "temperature_c" ? "temperature_unit" : "pressure_unit"].value;
      const [least, most, decimals] = JSON.parse(number.dataset.units)[unit];
      Object.assign(number.dataset, { least, most, decimals });
      number.inputMode = decimals ? "decimal" : "numeric";
      form.querySelector(`label[for=${number.id}] span`).textContent = unit;
    }
  }

  // The first question after this one that is open; after the last one, the first empty number.
  function onward(from) {
    const asked = items();
    const later = asked.slice(asked.indexOf(from) + 1);
    return later.find((item) => !answered(item)) ?? needed().find((item) => !answered(item));
  }
  const firstEmpty = () =>
    numbers().find((number) => !number.value) ??
    groups().find((group) => !answered(group))?.querySelector("input");

  // A question that is open, an empty number, a choice; when nothing is left, the button.
  function goOn() {
    const empty = firstEmpty();
    const open = bound(sheet.form()) ? null : needed().find((item) => !answered(item));
    if (empty || !open) (empty ?? document.getElementById("save")).focus();
    else arrive(open);
  }

  function arrive(item) {
    if (!item) return goOn();
    (answered(item) ?? item.querySelector("input")).focus({ preventScroll: true });
    item.scrollIntoView({ block: "nearest" });
  }

  // Enter goes on, wherever it is pressed: only the button saves.
  function enter(from) {
    const at = numbers().indexOf(from);
    if (from.matches(".item input")) return arrive(onward(from.closest(".item")));
    if (at < 0) return goOn();
    (numbers()[at + 1] ?? groups().find((group) => !answered(group))?.querySelector("input"))?.focus();
  }

  // A digit or letter is the answer; room air and oxygen go by their first letter.
  const keyOf = (input) =>
    input.name === "on_oxygen" ? input.nextElementSibling.textContent.trim()[0].toUpperCase() : input.value;

  document.addEventListener("keydown", (event) => {
    const { target } = event;
    if (event.key === "Enter" && target.matches?.("#sheet .input:not(textarea), #sheet input[type=radio]")) {
      event.preventDefault();
      return enter(target);
    }
    const group = target.closest?.("#sheet .item, #sheet .acvpu, #sheet .oxygen .segment");
    if (!group || event.ctrlKey || event.metaKey || event.altKey || event.key.length !== 1) return;
    const wanted = event.key.toUpperCase();
    const answer = [...group.querySelectorAll("input")].find((one) => keyOf(one) === wanted);
    if (!answer) return;
    event.preventDefault();
    answer.checked = true;
    answer.dispatchEvent(new Event("change", { bubbles: true }));
    if (group.matches(".item")) arrive(onward(group));
    else if (answer.name === "on_oxygen" && answer.value === "true") document.getElementById("oxygen_l_per_min").focus();
    else goOn();
  });

  document.addEventListener("click", (event) => {
    const item = event.target.closest?.("#sheet .item");
    if (!item || !event.target.matches("input") || event.detail === 0) return; // 0: arrow keys
    const next = onward(item);
    if (next) next.scrollIntoView({ block: "nearest" });
    else firstEmpty()?.focus();
  });

  document.addEventListener("input", (event) => {
    const number = event.target;
    if (!number.matches?.("#vitals .vitals .input") || event.inputType !== "insertText") return;
    const decimals = Number(number.dataset.decimals);
    const { least, most } = number.dataset;
    // 374 is no temperature: the point goes in by itself, in sight, and only where it then is one.
    const tenths = Number(number.value) / 10;
    if (number.name === "temperature_c" && /^[0-9]{3,4}$/.test(number.value) && tenths * 10 > most && tenths >= least && tenths <= most) {
      number.value = `${number.value.slice(0, -1)}.${number.value.slice(-1)}`;
    }
    const full = decimals
      ? new RegExp(`[.,][0-9]{${decimals}}$`).test(number.value)
      : number.dataset.most && Number(number.value) * 10 > Number(number.dataset.most);
    if (full && number.selectionStart === number.value.length) {
      const after = numbers().slice(numbers().indexOf(number) + 1);
      (after.find((one) => !one.value) ?? firstEmpty())?.focus();
    }
  });

  // The time of the set is the time of the first try to save it, however long the network takes.
  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (form.id !== "sheet" || form.elements.observed_local.value) return;
      form.elements.sent_at.value ||= sheet.iso();
    },
    true,
  );

  // Breaths are counted by the clock: it says when to stop, and where to write them.
  let counting;
  function count(timer) {
    const of = Number(sheet.form().elements.sleep_seconds.value);
    const words = timer.querySelector("[role=status]");
    const began = Date.now();
    clearInterval(counting);
    words.textContent = "Count every breath.";
    counting = setInterval(() => {
      const left = Math.ceil(of - (Date.now() - began) / 1000);
      if (left > 0) {
        timer.querySelector("button").textContent = `${left} s left`;
        return;
      }
      clearInterval(counting);
      timer.querySelector("button").textContent = "Count again";
      words.textContent = `${of} s are over. Write the breaths.`;
      navigator.vibrate?.(400);
      document.getElementById("sleep_breaths").focus();
    }, 250);
  }
  document.addEventListener("click", (event) => {
    const timer = event.target.closest?.("#breath-timer");
    if (timer && event.target.matches("button")) count(timer);
  });

  function saved() {
    paint();
    (document.getElementById("problems") ?? document.getElementById("saved-title"))?.focus();
  }

  document.addEventListener("change", (event) => event.target.closest?.("#sheet") && paint());
  document.addEventListener("input", (event) => event.target.closest?.("#sheet") && paint());
  document.addEventListener("toggle", (event) => event.target.matches?.("#sheet .scale") && paint(), true);
  document.addEventListener("sheet:filled", paint);
  document.addEventListener("htmx:after:swap", (event) => {
    if (event.target.matches?.("#sheet, #saved") || event.detail?.ctx?.sourceElement?.id === "sheet") saved();
  });
  setInterval(() => {
    const now = document.getElementById("now");
    if (now && sheet.form()) now.textContent = sheet.local().slice(11);
  }, 5000);
  paint();
  if (sheet.form() && document.activeElement === document.body && !location.hash && !document.getElementById("problems")) {
    const first = needed()[0] ?? (matchMedia("(hover: hover)").matches ? { querySelector: firstEmpty } : null);
    first?.querySelector("input")?.focus({ preventScroll: true });
  }
})();
