// A chart that refreshes itself leaves open what somebody opened, and reads on where it was read.
(() => {
  const WIDTH = 1240; // of every drawing, in its own units
  let open = [], chosen = null, touched = false; // the set that is read; null: the newest

  const sets = () => [...document.querySelectorAll("#reader li")];
  const x = (set) => Number(set.dataset.x);

  // A line through every strip, and the words below them; the same set stands out in both tables.
  function read(number, { scroll = false } = {}) {
    const all = sets(), set = all[number];
    if (!set) return;
    const range = document.getElementById("reading");
    range.value = number;
    range.setAttribute("aria-valuetext", set.textContent.trim());
    document.getElementById("read").replaceChildren(...set.cloneNode(true).childNodes);
    for (const here of document.querySelectorAll("[data-read]")) delete here.dataset.read;
    for (const line of document.querySelectorAll(".course .cursor")) line.remove();
    if (!touched) return;
    for (const drawing of document.querySelectorAll(".course")) {
      const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
      line.setAttribute("class", "cursor");
      line.setAttribute("d", `M${x(set)} 0V${drawing.viewBox.baseVal.height}`);
      drawing.append(line);
      if (scroll) line.scrollIntoView({ block: "nearest", inline: "center" });
      scroll = false;
    }
    mark(set.dataset.set);
  }

  function mark(id) {
    document.getElementById(`set-${id}`)?.setAttribute("data-read", "");
    for (const head of document.querySelectorAll(`.heat th[data-set="${CSS.escape(id)}"]`)) {
      for (const row of head.closest("table").rows) row.cells[head.cellIndex].dataset.read = "";
    }
  }

  const last = () => sets().length - 1;
  const where = () => {
    const found = sets().findIndex((set) => set.dataset.set === chosen);
    return found < 0 ? last() : found;
  };

  function nearest({ target, clientX }) {
    const box = target.closest?.(".course")?.getBoundingClientRect();
    if (!box) return null;
    const at = ((clientX - box.left) / box.width) * WIDTH;
    const far = sets().map((set) => Math.abs(x(set) - at));
    return far.length ? far.indexOf(Math.min(...far)) : null;
  }

  function choose(number, how) {
    touched = true;
    chosen = number === last() ? null : sets()[number].dataset.set; // the newest stays the newest
    read(number, how);
  }

  document.addEventListener("input", ({ target }) => {
    if (target.id === "reading") choose(Number(target.value), { scroll: true });
  });
  for (const kind of ["pointermove", "pointerdown"]) {
    document.addEventListener(kind, (event) => {
      if (kind === "pointermove" && event.pointerType !== "mouse") return; // a finger scrolls
      const number = nearest(event);
      if (number !== null && (!touched || number !== where())) choose(number);
    });
  }

  document.addEventListener("htmx:before:swap", () => {
    open = [...document.querySelectorAll("#chart details[open]")].map(({ id }) => id);
  });
  document.addEventListener("htmx:after:swap", () => {
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    read(where());
  });
  read(where());
})();
