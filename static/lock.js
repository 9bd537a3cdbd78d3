// The screen locks by itself when nobody has touched it, and by hand; what was typed is kept first.
// Only keys and touches are activity: what a page fetches by itself never is.
import { keepAll } from "/static/draft.js";
import { letGo, taken, touched } from "/static/hands.js";

const page = document.body;
const LOCKS_MS = Number(page.dataset.locksAfter) * 1000;
const WARNS_MS = 20000;
const REPORT_MS = Math.min(LOCKS_MS / 6, 30000);
const tabs = new BroadcastChannel("vigil-lock");
let active = Date.now(), reported = Date.now(), locking = false;

function touch() {
  active = Date.now();
  if (!locking) touched().catch(() => {});
  warn(Infinity);
  if (active - reported < REPORT_MS || locking) return;
  reported = active;
  tabs.postMessage({ active });
  fetch("/shift", { headers: { "Vigil-Sign-In": page.dataset.signIn } }).then(({ status, headers }) => heard(status, headers.get("Vigil-Hands")), () => {});
}

// --- Twenty seconds before it locks, it says so. A key or a touch is enough to stay.
let warning;
function warn(left) {
  if (left > WARNS_MS) return void warning?.remove();
  warning ??= Object.assign(document.createElement("p"), { className: "lock-warning", role: "status" });
  warning.textContent = `Locks in ${Math.max(1, Math.ceil(left / 1000))} s. What you typed is kept. Touch the screen or press a key to stay.`;
  if (!warning.isConnected) page.append(warning);
}

function watch() {
  const left = LOCKS_MS - (Date.now() - active);
  if (left <= 0) leave();
  else warn(left);
}

// --- Every patient datum leaves the page before anything is asked of the server.
async function leave({ told = false } = {}) {
  if (locking) return;
  locking = true;
  const to = encodeURIComponent(location.pathname);
  if (!told) tabs.postMessage({ lock: true });
  letGo().catch(() => {});
  const kept = Promise.race([keepAll(), after(10000)]); // reads every form before its first pause
  blank();
  for (;;) {
    try {
      // 423 it is locked, 401 it has ended, 409 somebody else is at the keys: each has its page.
      const { status } = await fetch("/lock", { method: "POST", redirect: "manual", body: new URLSearchParams(), headers: { "Vigil-Sign-In": page.dataset.signIn } });
      if (status < 500) return void letGo("told").catch(() => {}).then(() => kept).then(() => location.replace(`/lock?to=${to}`));
    } catch { /* no network: it stays blank, and says so */ }
    await after(2000);
  }
}

const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function blank() {
  const said = document.createElement("main");
  said.className = "lock-blank";
  said.append(
    Object.assign(document.createElement("h1"), { textContent: "Locked" }),
    Object.assign(document.createElement("p"), { textContent: "Fetching the alarms. Where this stays, there is no contact: check patients." }),
  );
  document.title = "Locked · Vigil";
  page.replaceChildren(said);
}

// --- What the server says: locked, or somebody else is at the keys.
function heard(status, hands) {
  if (status === 423) leave();
  else if (hands === "other") other();
}

async function other() {
  if (locking) return;
  locking = true;
  const kept = keepAll();
  letGo().catch(() => {});
  const name = document.querySelector(".me summary b")?.textContent ?? "somebody else";
  blank();
  const began = await kept.then(() => true, () => false);
  const said = page.querySelector("main");
  said.querySelector("h1").textContent = `This page belongs to ${name}`;
  said.querySelector("p").textContent = began ? `Nothing was saved. What was typed is kept for ${name}, who finds it on opening the form again.` : "Nothing was saved.";
  said.append(Object.assign(document.createElement("a"), { className: "btn", href: "/", textContent: "Work as yourself" }));
  said.setAttribute("role", "alert");
}

taken.then((mine) => mine || leave());

page.addEventListener("htmx:config:request", ({ detail: { ctx } }) => { ctx.request.headers["Vigil-Sign-In"] = page.dataset.signIn; });
page.addEventListener("htmx:before:response", (event) => {
  const { status, raw } = event.detail.ctx.response;
  const hands = raw?.headers?.get("Vigil-Hands") ?? event.detail.ctx.response.headers?.get?.("Vigil-Hands");
  if (status !== 423 && hands !== "other") { if (locking) event.preventDefault(); return; }
  event.preventDefault();
  heard(status, hands);
});
// A form without htmx leaves the page by itself: what was typed is kept until it is known as stored.
document.addEventListener("submit", (event) => {
  if (event.target.id !== "lock-now") return;
  event.preventDefault();
  leave();
});
document.addEventListener("keydown", (event) => {
  if (event.altKey && event.key.toLowerCase() === "l") { event.preventDefault(); leave(); }
});
tabs.onmessage = ({ data }) => {
  if (data.lock) leave({ told: true });
  if (data.active > active) active = data.active, warn(Infinity);
};
for (const name of ["pointerdown", "keydown", "input", "touchstart", "wheel"]) addEventListener(name, touch, { passive: true });
document.addEventListener("visibilitychange", () => { if (!document.hidden) watch(); });
// A page from the browser's back shelf may be older than a lock.
addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });
setInterval(watch, 1000);
