// Between the pages and the network. With contact everything comes from the server. Without: our own
// files from a cache of this version, and a page from the sealed copies, if whoever has the keys made
// them and the screen is not locked. What the copies say never lies anywhere in the clear.
import { unseal, vault } from "/static/vault.js";

const CACHE = `vigil-${VERSION}`;
const PATIENCE_MS = 8000;
const NO_CONTACT = [502, 503, 504];
const OLDEST_MS = 12 * 3600 * 1000; // a shift
const SET_BACK_MS = 15 * 60 * 1000; // a clock that was set back makes nobody's hands warm again

addEventListener("install", (event) => {
  skipWaiting();
  const fresh = FILES.map((path) => new Request(path, { cache: "reload" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(fresh)));
});

addEventListener("activate", (event) => event.waitUntil(settle()));

async function settle() {
  for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
  await clients.claim();
}

addEventListener("fetch", (event) => {
  const { request } = event, { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate") event.respondWith(page(request, pathname));
  else if (pathname.startsWith("/static/")) event.respondWith(file(request, pathname));
});

const ours = (path) => caches.match(path, { cacheName: CACHE });
const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const answered = (came) => came && !NO_CONTACT.includes(came.status);

async function file(request, path) {
  const came = await fetch(request).catch(() => null);
  return answered(came) ? came : (await ours(path)) ?? came ?? Response.error();
}

// Locked without contact: the server is told before any page comes, so that none comes unlocked.
async function tell() {
  const store = await vault(), hands = await store.get("hands", "now");
  if (hands?.locked !== "here") return;
  const told = await fetch("/lock", { method: "POST", redirect: "manual", body: new URLSearchParams(), headers: { "Vigil-Sign-In": hands.sign_in } });
  if (answered(told)) await store.put("hands", { ...hands, locked: "told" }, "now");
}

async function page(request, path) {
  await tell().catch(() => {});
  const coming = fetch(request).catch(() => null);
  const came = await Promise.race([coming, after(PATIENCE_MS)]);
  if (answered(came)) return came;
  return (await copy(path).catch(() => null)) ?? (await coming) ?? (await ours("/offline")) ?? Response.error();
}

async function copy(path) {
  const kept = await vault(), hands = await kept.get("hands", "now"), row = await kept.get("pages", path);
  if (!hands || !row || hands.locked || row.by !== `${hands.person}@${hands.device}`) return null;
  const idle = Date.now() - hands.active_at, age = Date.now() - row.at;
  if (idle > hands.locks_ms || idle < -SET_BACK_MS || age > OLDEST_MS) return null;
  const { html, headers } = await unseal(row);
  // When it was made, by the clock of this machine: the page counts on from there.
  return new Response(html.replace("<body ", `<body data-kept="${Number(row.at)}" `), { headers });
}
