// Who is at the keys of this machine, as the server said last, and when they were last touched: the
// worker opens copies for them alone. And what this machine keeps for them to read without contact.
import { able, clearEnrolled, seal, vault } from "/static/vault.js";

const page = document.body, { person, device, signIn } = page.dataset;
const MOST = 24, TOUCH_MS = 5000, AGAIN_MS = 10 * 60 * 1000, FIRST_MS = 1000;
const kept = "kept" in page.dataset;
const SAID = ["Content-Security-Policy", "Content-Type", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Permissions-Policy", "Referrer-Policy", "X-Content-Type-Options", "X-Frame-Options", "Cache-Control"];

const now = async () => (await vault()).get("hands", "now");

// One after the other: a touch must not undo a lock.
async function change(how) {
  const changing = (await vault()).transaction("hands", "readwrite");
  const before = await changing.store.get("now"), made = how(before);
  if (made) changing.store.put(made, "now");
  await changing.done;
  return before;
}

// Nothing that is kept opens any more, until a page of the server says whose the keys are. A lock of
// which the server has not been told (`"here"`) is one all the same: it comes before the next page.
export async function letGo(locked = "here") {
  if (able) await change((hands) => hands && (!signIn || hands.sign_in === signIn) && { ...hands, locked });
}

let written = 0;
export async function touched() {
  if (!able || Date.now() - written < TOUCH_MS) return;
  written = Date.now();
  await change((hands) => hands?.sign_in === signIn && !hands.locked && { ...hands, active_at: written });
}

async function take() {
  const same = (hands) => hands?.person === person && hands.device === device && hands.sign_in === signIn;
  const sheet = location.pathname.match(/^\/stays\/(\d+)\/record$/)?.[1];
  const before = await change((hands) => {
    if (same(hands) && hands.locked === "here") return null;
    const opened = new Set(same(hands) ? hands.opened : []);
    if (sheet) opened.add(sheet);
    return { person, device, sign_in: signIn, locked: null, active_at: Date.now(), locks_ms: Number(page.dataset.locksAfter) * 1000, opened: [...opened].slice(-MOST) };
  });
  if (!same(before)) await drop((row) => row.by !== `${person}@${device}`);
  return !same(before) || before.locked !== "here";
}

async function drop(which) {
  const change = (await vault()).transaction("pages", "readwrite");
  for (const row of await change.store.getAll()) if (which(row)) change.store.delete(row.path);
  await change.done;
}

// --- The enrolment may have ended: then what was kept under it goes. Asked only where something is.
let asking = false;
async function whetherEnrolled() {
  if (!able || asking) return;
  asking = true;
  await ifNotForget().finally(() => { asking = false; });
}

async function ifNotForget() {
  const enrolled = (await (await vault()).getAllKeys("keys")).some((name) => name.includes("@") && !name.endsWith("@0"));
  if (!enrolled) return;
  const answer = await fetch("/offline/device").then((came) => (came.ok ? came.json() : null), () => null);
  if (!answer || answer.device) return;
  const unsent = await clearEnrolled();
  const told = document.createElement("p");
  told.textContent = `This device is not enrolled any more. What it kept is gone from it${unsent ? `, with ${unsent} ${unsent === 1 ? "set" : "sets"} that ${unsent === 1 ? "was" : "were"} never sent` : ""}.`;
  document.getElementById("message")?.replaceChildren(told);
  if (person) document.getElementById("main")?.replaceChildren(); // nor does it stand on the page
}

// --- Copies for reading: the list of rounds, and the sheets of who is assigned to whoever is here.
const ask = (path) => fetch(path, { headers: { "Vigil-Refresh": "1", "Vigil-Sign-In": signIn } });

async function keepPages() {
  const store = await vault(), hands = await now();
  if (!hands || hands.locked || hands.sign_in !== signIn) return;
  const opened = hands.opened.map((stay) => `opened=${stay}`).join("&");
  const listed = await ask(`/offline/pages?${opened}`);
  if (!listed.ok) return;
  const { pages } = await listed.json();
  await drop((row) => !pages.some(({ path }) => path === row.path));
  for (const { path, from } of pages) {
    const known = await store.get("pages", path);
    if (known && Date.now() - known.at < AGAIN_MS && known.from === signIn) continue;
    const at = Date.now(), came = await ask(from);
    if (!came.ok || came.redirected) return;
    const headers = SAID.map((name) => [name, came.headers.get(name)]).filter(([, said]) => said);
    const sealed = await seal(person, device, { html: await came.text(), headers });
    if ((await now())?.sign_in !== signIn) return; // the keys changed hands meanwhile
    await store.put("pages", { path, at, from: signIn, ...sealed });
  }
}

const keepNow = () => {
  if (document.hidden || page.dataset.live === "out" || document.querySelector(".lock-blank")) return;
  if (navigator.locks) navigator.locks.request("vigil-pages", { ifAvailable: true }, (mine) => mine && keepPages()).catch(() => {});
  else keepPages().catch(() => {});
};

// Whether this page may be shown: not where the machine was locked without contact, and the server is
// to be told first.
export const taken = able && signIn && !kept ? take().catch(() => true) : Promise.resolve(true);
if (able && signIn && !kept) {
  taken.then((mine) => mine && setTimeout(keepNow, FIRST_MS));
  setInterval(keepNow, AGAIN_MS / 2);
  if (device === "0") whetherEnrolled();
} else if (able && /^\/(sign-in|lock)\b/.test(location.pathname)) {
  letGo("told").then(() => (location.pathname.startsWith("/lock") ? null : drop(() => true))).catch(() => {});
  whetherEnrolled();
}
document.addEventListener("live:out", () => whetherEnrolled());
document.addEventListener("submit", ({ target }) => { if (target.getAttribute("action") === "/sign-out") Promise.all([letGo(), drop(() => true)]).catch(() => {}); }, true);
if (kept) {
  // Contact again: the page as it is now, unless somebody is in the middle of something.
  document.addEventListener("live:heard", () => {
    if (!document.querySelector(".draft-bar:not([hidden]), #not-sent-set") && !document.querySelector("main form[data-begun]")) location.reload();
  });
  document.addEventListener("input", ({ target }) => { if (target.form) target.form.dataset.begun = ""; });
}
