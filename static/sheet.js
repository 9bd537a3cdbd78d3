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
    const asked = bound(form) ? [] : items();
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

  // The first question after this one that is open; after the last one, the first empty number.
  function onward(from) {
    const asked = items();
    const later = asked.slice(asked.indexOf(from) + 1);
    return later.find((item) => !answered(item)) ?? asked.find((item) => !answered(item));
  }
  const firstEmpty = () =>
    numbers().find((number) => !number.value) ??
    groups().find((group) => !answered(group))?.querySelector("input");

  function arrive(item) {
    if (!item) return firstEmpty()?.focus();
    (answered(item) ?? item.querySelector("input")).focus({ preventScroll: true });
    item.scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("keydown", (event) => {
    const group = event.target.closest?.("#sheet .item, #sheet .acvpu");
    if (event.key === "Enter" && event.target.matches?.("#sheet .input:not(textarea)")) {
      event.preventDefault(); // Enter in a field goes on; only the button saves
      const fields = all("#vitals .vitals .input");
      return fields[fields.indexOf(event.target) + 1]?.focus();
    }
    if (!group || event.ctrlKey || event.metaKey || event.altKey || event.key.length !== 1) return;
    const wanted = event.key.toUpperCase();
    const answer = [...group.querySelectorAll("input")].find((one) => one.value === wanted);
    if (!answer) return;
    event.preventDefault();
    answer.checked = true;
    answer.dispatchEvent(new Event("change", { bubbles: true }));
    if (group.matches(".item")) arrive(onward(group));
    else firstEmpty()?.focus();
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
})();
