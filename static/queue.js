// A set that cannot be sent waits on this device, sealed, and says so until the server has echoed it.
// It goes out in the order in which it was typed, under the key that makes a second time harmless.
import { device, lost, nameOf } from "/static/draft.js";
import { able, seal, unseal, vault } from "/static/vault.js";

const page = document.body, me = page.dataset.person;
const AGAIN_MS = 5000, PATIENCE_MS = 20000;
const NO_CONTACT = [502, 503, 504];
const LONELY = { 403: "You may not record for this patient any more.", 404: "This patient is not on your unit any more: discharged, or moved." };
const tabs = new BroadcastChannel("vigil-queue");

export const kept = () => "kept" in page.dataset; // a copy that the worker opened, without contact

// --- Into the queue: only a new set. A correction is about what the server has.
const waits = (form) => able && me && form?.id === "sheet" && /\/stays\/\d+\/observations$/.test(form.action);
const plain = (text) => text.replace(/\s+/g, " ").trim();
const own = (element) => plain([...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data).join(" "));

// What was typed, in words: for whoever typed it, and for nobody else.
function inWords(form) {
  const lines = [];
  for (const e of form.elements) {
    const ticks = e.type === "radio" || e.type === "checkbox";
    if (!e.name || e.type === "hidden" || e.matches(":disabled") || !e.value?.trim() || (ticks && !e.checked)) continue;
    if (/_unit$|_seconds$/.test(e.name) && e.defaultChecked) continue;
    const label = e.closest("label"), group = e.closest("fieldset");
    if (e.type !== "radio") lines.push([plain((e.labels[0] ?? e).textContent), e.type === "checkbox" ? "yes" : e.value]);
    else lines.push([own(group.querySelector("legend")), group.matches(".item, .acvpu") ? e.value : plain(label.textContent)]);
  }
  return lines;
}

async function queue(form) {
  if ("queued" in form.dataset) return;
  form.dataset.queued = ""; // pressed twice
  try {
    await put(form);
  } catch (error) {
    delete form.dataset.queued;
    if (error.name !== "ConstraintError") return lost(form);
    form.elements.key.value = crypto.randomUUID(); // another set holds this key: both are kept
    await queue(form);
  }
}

async function put(form) {
  const { elements, dataset } = form;
  if (!elements.observed_local.value) elements.sent_at.value ||= sheet.iso();
  const inputs = [...new FormData(form)], [, key] = inputs.find(([name]) => name === "key");
  const said = {
    inputs,
    local: sheet.local(),
    saved_on_device_at: sheet.iso(),
    lines: inWords(form),
    title: plain(document.getElementById("sheet-title").textContent),
    patient: plain(document.querySelector(".patient h1 a").firstChild.data),
    bed: plain(document.querySelector(".patient .plate").textContent).replace("–", ""),
  };
  const row = { key, owner: elements.opened_by.value, stay: elements.opened_for.value, state: "waiting", ...(await seal(me, device(), said)) };
  const change = (await vault()).transaction(["queue", "drafts"], "readwrite");
  change.objectStore("queue").add(row).catch(() => {}); // it aborts the whole, which says why
  change.objectStore("drafts").delete(dataset.draft);
  await change.done;
  show(form, key, said);
  changed();
  send();
}

function build(tag, words, ...inside) {
  const made = Object.assign(document.createElement(tag), { textContent: words });
  made.append(...inside);
  return made;
}

export const link = (href, words) => Object.assign(build("a", words), { href, className: "btn" });

export function listed(lines) {
  const list = Object.assign(document.createElement("dl"), { className: "pairs" });
  for (const [what, value] of lines) list.append(build("div", "", build("dt", what), build("dd", value)));
  return list;
}

function show(form, key, said) {
  const place = Object.assign(document.createElement("section"), { className: "stack", id: "not-sent-set" });
  const heading = Object.assign(build("h2", "NOT SENT"), { tabIndex: -1 });
  const words = build("p", `Kept on this device at ${said.local.slice(-5)}, and sent by itself as soon as there is contact. Do not type it again.`);
  const bar = Object.assign(document.createElement("div"), { className: "bar", role: "status" });
  bar.dataset.kind = "queue";
  place.dataset.key = key;
  bar.append(heading, words);
  place.append(bar, Object.assign(listed(said.lines), { className: "pairs panel" }), build("p", "", link("/rounds", "Rounds"), " ", link("/unsent", "All that was not sent")));
  form.replaceWith(place);
  heading.focus();
}

function tellSheet(key, title, words, more) {
  const place = document.getElementById("not-sent-set");
  if (place?.dataset.key !== key) return;
  const bar = place.querySelector(".bar");
  bar.dataset.kind = more ? "saved" : "queue";
  bar.querySelector("h2").textContent = title;
  bar.querySelector("p").textContent = words;
  if (more) bar.append(more);
}

// --- Out of it: one page at a time, one set after the other.
const all = async () => (await vault()).getAll("queue");
export const mine = async () => (await all()).filter((row) => row.owner === me);
const forget = async ({ seq }) => (await vault()).delete("queue", seq);
const mark = async (row, fields) => (await vault()).put("queue", { ...row, ...fields });

let trying = false;
export async function send() {
  if (!able || !me || trying || signIn || document.querySelector(".lock-blank")) return;
  trying = true;
  try {
    if (navigator.locks) await navigator.locks.request("vigil-send", { ifAvailable: true }, (mine) => mine && each());
    else await each();
  } finally { trying = false; }
}

async function each() {
  for (const row of await mine()) {
    if (row.state !== "waiting") continue;
    if (!(await sendOne(row))) return;
  }
}

// Whether the next one may be tried.
async function sendOne(row) {
  const said = await unseal(row), body = new URLSearchParams(said.inputs);
  body.append("saved_on_device_at", said.saved_on_device_at);
  let answer, told;
  try {
    answer = await fetch(`/stays/${row.stay}/observations/queued`, { method: "POST", body, headers: { "Vigil-Sign-In": page.dataset.signIn, "HX-Request": "true" }, signal: AbortSignal.timeout(PATIENCE_MS) });
    told = await answer.json().catch(() => ({}));
  } catch { return false; }
  const { status } = answer;
  if ([401, 423].includes(status) || answer.headers.get("Vigil-Hands") === "other") return away(), false;
  if (NO_CONTACT.includes(status) || status === 429) return false;
  if (status >= 500) return true; // a fault with this one: the others need not wait for it
  if (answer.ok && told.key !== row.key) return false; // something else answered: not the server
  if (answer.ok) {
    await forget(row);
    tellSheet(row.key, "Sent and stored", `Received ${told.received}.`, link(told.path, "The stored set"));
  } else {
    const wrong = [...new Set(told.wrong?.length ? told.wrong : [told.sentence ?? LONELY[status] ?? "The server would not take it."])];
    await mark(row, { state: "refused", wrong });
    tellSheet(row.key, "NOT SAVED", wrong.join(" "));
  }
  changed();
  return true;
}

// --- What the top bar says.
let waiting = 0, signIn = false; // the sign-in of this page has ended: another page sends
function away() {
  signIn = true;
  paint();
}

async function paint() {
  const place = document.getElementById("not-sent");
  if (!place) return;
  const rows = await all(), own = rows.filter((row) => row.owner === me), others = rows.length - own.length;
  waiting = own.filter((row) => row.state === "waiting").length;
  const refused = own.length - waiting;
  const words = [own.length && `NOT SENT · ${own.length}`, refused && `${refused} not taken`, signIn && waiting && "sign in to send", others && `${others} of others`];
  place.textContent = words.filter(Boolean).join(", ");
  place.href = signIn && waiting ? "/sign-in?to=/unsent" : "/unsent";
  place.hidden = !rows.length;
  document.dispatchEvent(new Event("queue:changed"));
}

function changed() {
  tabs.postMessage("changed");
  paint();
}

if (able && me) {
  tabs.onmessage = () => paint();
  // Without contact nothing is asked first: what is finished waits from the start.
  addEventListener("submit", (event) => {
    if (!kept() || !waits(event.target)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    queue(event.target);
  }, true);
  document.addEventListener("htmx:error", ({ detail }) => unanswered(detail?.ctx));
  document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
    if (NO_CONTACT.includes(ctx?.response?.raw?.status)) unanswered(ctx);
    else if (ctx?.response?.raw?.status >= 500 && ctx.sourceElement?.id === "sheet") lost(ctx.sourceElement);
  });
  document.addEventListener("unsent:served", async ({ detail }) => {
    const row = (await mine()).find(({ key }) => key === detail);
    if (row) await forget(row);
    changed();
  });
  document.addEventListener("live:heard", () => { if (waiting) send(); });
  setInterval(() => { if (waiting) send(); }, AGAIN_MS);
  addEventListener("online", () => send());
  paint().then(send);
}

function unanswered(ctx) {
  const form = ctx?.sourceElement;
  if (ctx?.request?.method !== "POST" || form?.id !== "sheet" || !form.isConnected) return;
  if (waits(form)) queue(form);
  else lost(form);
}
