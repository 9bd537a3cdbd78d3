// A form that was refused says beside each field what is wrong with it. What was typed never left it.
document.body.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  const form = ctx.sourceElement?.closest?.("form");
  if (form && ctx.response?.status >= 400) place(form);
});
document.body.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  const form = ctx.sourceElement?.closest?.("form");
  if (form && ctx.request.method === "POST") clear(form);
});

function place(form) {
  let first;
  for (const told of form.querySelectorAll(".form-errors li[data-for]")) {
    const named = form.elements[told.dataset.for.split(".")[0]], field = named instanceof RadioNodeList ? named[0] : named;
    if (!field || field.type === "hidden" || field.type === "submit") continue;
    const beside = Object.assign(document.createElement("span"), { className: "error", textContent: told.textContent });
    beside.id = `error-${[...document.forms].indexOf(form)}-${told.dataset.for}`;
    const ticked = field.type === "radio" || field.type === "checkbox";
    const group = ticked ? field.closest("fieldset") : null;
    if (group) group.append(beside);
    else (field.closest("label") ?? field).after(beside);
    for (const one of named instanceof RadioNodeList ? named : [field]) {
      one.setAttribute("aria-invalid", "true");
      one.setAttribute("aria-describedby", [one.getAttribute("aria-describedby"), beside.id].filter(Boolean).join(" "));
    }
    const list = told.parentElement;
    told.remove();
    if (!list.children.length) list.remove();
    first ??= field;
  }
  first?.focus();
}

function clear(form) {
  for (const beside of form.querySelectorAll(".error[id^='error-']")) {
    for (const field of form.querySelectorAll(`[aria-describedby~="${CSS.escape(beside.id)}"]`)) {
      field.removeAttribute("aria-invalid");
      const others = field.getAttribute("aria-describedby").split(" ").filter((id) => id !== beside.id).join(" ");
      if (others) field.setAttribute("aria-describedby", others);
      else field.removeAttribute("aria-describedby");
    }
    beside.remove();
  }
  form.querySelector(".form-errors")?.replaceChildren();
}
