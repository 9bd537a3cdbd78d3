// What is typed survives lock, reload, sign-out and a lost network: encrypted on this device with a
// key that cannot be read out, per person and form, until the server echoes what it stored.
import { able, seal, unseal, vault } from "/static/vault.js";

const OLDEST_MS = 24 * 3600 * 1000;
const MOVED_ON_MS = 5 * 60 * 1000; // a set begun longer ago was not observed "now"
const record = () => document.querySelector("#sheet[data-draft]");

function show(id, words) {
  const place = document.getElementById(id);
  if (place) place.textContent = words;
}

// A draft is named by its owner, the stay it is about (0: none) and, beside the record sheet, its form.
export const nameOf = (form) =>
  form.dataset.draft ?? `${form.elements.opened_by.value}-${form.elements.opened_for?.value ?? 0}-${new URL(form.action).pathname}`;
const ownerOf = (name) => name.split("-")[0];
const stayOf = (name) => name.split("-")[1];
const forms = () => [...document.querySelectorAll("main form[method=post]")].filter((form) => form.elements.opened_by && !form.elements.password);

export const typed = (form) =>
  [...form.elements]
    .filter((e) => e.name && e.type !== "password" && (e.type !== "hidden" || ["key", "sent_at"].includes(e.name)))
    .filter((e) => !["radio", "checkbox"].includes(e.type) || e.checked)
    .map((e) => [e.name, e.value]);

const touched = (form) =>
  [...form.elements].some((e) => {
    if (!e.name || e.type === "hidden") return false;
    if (["radio", "checkbox"].includes(e.type)) return e.checked !== e.defaultChecked;
    if (e.tagName === "SELECT") return [...e.options].some((o, at) => o.selected !== (o.defaultSelected || (at === 0 && ![...e.options].some((p) => p.defaultSelected))));
    return e.value !== e.defaultValue;
  });

const clockTime = () => (record() ? sheet.local() : new Date().toTimeString().slice(0, 5)).slice(-5);

// A kept copy is opened again and again: each time it is another set.
if ("kept" in document.body.dataset) for (const form of forms()) if (form.elements.key) form.elements.key.value = crypto.randomUUID();

export const device = () => document.body.dataset.device ?? "0";

const keyOf = ({ inputs }) => inputs.find(([name]) => name === "key")?.[1];

async function keep(form) {
  const name = nameOf(form);
  const said = { inputs: typed(form), local: record() ? sheet.local() : clockTime(), unsent: form === record() ? reopened : null };
  const draft = await seal(ownerOf(name), device(), said);
  const change = (await vault()).transaction(["drafts", "queue"], "readwrite");
  // What is finished meanwhile is no draft any more: it would be filled in again, under the same key.
  const finished = await change.objectStore("queue").index("key").getKey(keyOf(said) ?? "");
  if (!finished) change.objectStore("drafts").put({ ...draft, at: Date.now() }, name);
  await change.done; // a page that is left takes an open one along
  if (finished) return;
  if (form === record()) show("draft-state", `Not saved yet. Draft kept on this device, ${clockTime()}.`);
}

// Before the page is taken away: every form that somebody has begun.
export async function keepAll() {
  clearTimeout(waiting);
  if (able) await Promise.all(forms().filter((form) => touched(form) || form.dataset.filled).map((form) => keep(form).catch(() => {})));
}

async function kept(name) {
  const draft = await (await vault()).get("drafts", name);
  if (!draft) return null;
  if (Date.now() - draft.at > OLDEST_MS) return void (await forget(name));
  return { ...(await unseal({ by: ownerOf(name), ...draft })), age: Date.now() - draft.at };
}
const forget = async (name) => (await vault()).delete("drafts", name);

let reopened = null; // the key of what this sheet was filled from

// A set that the server would not take, opened again from the list of what was not sent.
async function refused(form) {
  const key = location.hash.match(/^#unsent-([0-9a-f-]{36})$/)?.[1];
  const row = key && form === record() && (await (await vault()).getFromIndex("queue", "key", key));
  if (!row || row.owner !== ownerOf(nameOf(form)) || row.stay !== stayOf(nameOf(form))) return null;
  const said = await unseal(row), renewed = ["key", "sent_at"];
  const inputs = said.inputs.filter(([name]) => !renewed.includes(name));
  if (!inputs.some(([name, value]) => name === "observed_local" && value)) inputs.push(["observed_local", said.local]);
  return { inputs, local: said.local, unsent: key, age: 0 };
}

function fill(form, draft) {
  for (const element of form.elements) {
    const said = draft.inputs.filter(([name]) => name === element.name).map(([, value]) => value);
    const ticks = ["radio", "checkbox"].includes(element.type);
    if (!element.name || (!said.length && !ticks)) continue;
    if (ticks) element.checked = said.includes(element.value);
    else element.value = said[0];
    if (said.some(Boolean)) element.closest("details")?.setAttribute("open", "");
  }
  form.dataset.filled = "true";
  if (form === record()) reopened = draft.unsent ?? null;
  const { observed_local, sent_at } = form.elements;
  if (observed_local && draft.age > MOVED_ON_MS && !observed_local.value && !sent_at.value) {
    observed_local.value = draft.local;
    observed_local.closest("details").open = true;
  }
}

function bar(form, words, mine) {
  let place = form.querySelector(".draft-bar");
  if (!place) {
    place = document.createElement("div");
    place.className = "bar draft-bar";
    place.dataset.kind = "queue";
    place.setAttribute("role", "status");
    place.append(document.createElement("p"));
    form.prepend(place);
  }
  place.hidden = false;
  place.querySelector("p").textContent = words;
  let button = place.querySelector("button");
  if (!button) {
    button = document.createElement("button");
    Object.assign(button, { className: "btn", type: "button", textContent: "Discard the draft" });
    place.append(button);
  }
  button.hidden = !mine;
  button.dataset.discard = nameOf(form);
}

// An answer to an instrument that is not on this sheet: it is fetched first, or it would be lost.
function absent(form, draft) {
  const to = new URL(location);
  for (const { dataset: { offers } } of form.querySelectorAll("[data-offers]")) {
    if (draft.inputs.some(([name, value]) => value && name.startsWith(`${offers}.`))) to.searchParams.append("also", offers);
  }
  return to.href === location.href ? null : to;
}

async function begin(form) {
  const name = nameOf(form), draft = (await refused(form)) ?? (await kept(name));
  if (draft) {
    const to = absent(form, draft);
    if (to) return location.replace(to);
    fill(form, draft);
    const whose = draft.unsent ? "what was not taken" : "your draft";
    bar(form, `NOT SAVED. This is ${whose} of ${draft.local.slice(-5)}. Check it, then save.`, true);
    if (form === record()) document.dispatchEvent(new Event("sheet:filled"));
    return;
  }
  const names = await (await vault()).getAllKeys("drafts");
  const others = names.filter((other) => ownerOf(other) !== ownerOf(name) && stayOf(other) === stayOf(name));
  if (others.length && stayOf(name) !== "0") bar(form, `${others.length} unsent ${others.length === 1 ? "entry" : "entries"} of another user for this patient on this device.`, false);
}

// Sent and stored: the draft that held the same key has served.
async function done(key) {
  const mine = document.body.dataset.person, database = await vault();
  for (const name of (await database.getAllKeys("drafts")).filter((one) => ownerOf(one) === mine)) {
    const draft = await kept(name);
    if (draft && keyOf(draft) === key) await forget(name);
  }
}

// How many entries of whom wait on this device, without opening any.
export async function unsent() {
  if (!able) return [];
  const database = await vault();
  return [...(await database.getAllKeys("drafts")).map(ownerOf), ...(await database.getAll("queue")).map((row) => row.owner)];
}

const failed = () => show("draft-state", "Draft cannot be kept on this device: save before you leave.");
let waiting;
const later = (event) => {
  const form = event.target.closest?.("#sheet[data-draft]");
  clearTimeout(waiting);
  if (form) waiting = setTimeout(() => form.isConnected && keep(form).catch(failed), 250);
};
// What cannot wait in the queue (a correction, or where nothing can be kept) is saved again by hand.
export const lost = (form) => {
  keep(form).catch(failed);
  bar(form, "NOT SAVED: no answer from the server. Everything is still here; save again. The time stays.", true);
};
const look = () => {
  const saved = document.getElementById("saved");
  if (!saved) return;
  clearTimeout(waiting);
  done(saved.dataset.key).catch(() => {});
  if (reopened) document.dispatchEvent(new CustomEvent("unsent:served", { detail: reopened }));
  reopened = null;
};

if (able) {
  document.addEventListener("input", later);
  document.addEventListener("change", later);
  document.addEventListener("click", async ({ target }) => {
    if (!target.dataset?.discard) return;
    clearTimeout(waiting);
    await forget(target.dataset.discard);
    location.reload();
  });
  document.addEventListener("htmx:response:error", (event) => {
    const { sourceElement: form, response } = event.detail?.ctx ?? {};
    // Somebody was quicker: the page is opened again, and what was typed is there.
    if (response?.raw?.status === 409 && forms().includes(form)) keep(form).catch(failed);
  });
  // A form that was taken has served. What only asks from inside of one (a preview) stores nothing.
  document.addEventListener("htmx:before:response", ({ detail: { ctx } }) => {
    const form = ctx.sourceElement;
    if (form?.tagName === "FORM" && form.elements.key && ctx.response.status < 400) done(form.elements.key.value).catch(() => {});
  });
  document.addEventListener("htmx:after:swap", look);
  look();
  for (const form of forms()) begin(form).catch(failed);
} else if (record()) failed();
