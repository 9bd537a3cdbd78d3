// Keeps the screen honest: fetches what changed, and says so when we cannot know.
const STALE = 15, DEAD = 30; // seconds of silence; the server speaks every 5
const WATCH_DEAD = 20; // said within 30: a heartbeat may be 5 old, and the page looks on the next
const TOPIC = /^(ward|board|alerts|rounds|shift|stay-\d+)$/;
const page = document.body;

// --- How old is what we show? The steady clock stops while a machine sleeps, the other can be set
// back: whichever says longer is believed. Needs nothing but this file.
// A copy that was kept on this machine is as old as it is, whatever its clock says, until it hears.
const kept = Number(page.dataset.kept ?? Date.now());
let copied = "kept" in page.dataset;
let heard = { steady: performance.now(), wall: kept };
let serverTime = Date.parse(page.dataset.now) + Date.now() - kept;
const silence = () => Math.max(performance.now() - heard.steady, Date.now() - heard.wall, 0) / 1000;
const now = () => serverTime + performance.now() - heard.steady;

function hear(spoken) {
  copied = false;
  serverTime = spoken ?? now();
  heard = { steady: performance.now(), wall: Date.now() };
  show();
}

function show() {
  const age = Math.max(Math.floor(silence()), copied ? DEAD : 0);
  if (page.dataset.live !== "out") page.dataset.live = age >= DEAD ? "dead" : age >= STALE ? "stale" : "live";
  const words = age >= DEAD ? "no contact " : age >= STALE ? "old " : "live · ";
  for (const live of document.querySelectorAll(".live")) write(live, page.dataset.live === "out" ? "signed out" : `${words}${length(age)}`);
  for (const told of document.querySelectorAll("[data-live-age]")) write(told, length(age));
}

const length = (seconds) => (seconds < 90 ? `${seconds} s` : span(Math.floor(seconds / 60)));
const write = (element, words) => { if (element.textContent !== words) element.textContent = words; };

// --- Asking for what changed. Many words at once become one request, and not in every screen's
// same instant.
const waiting = new Set(), asked = new Map();
export function tell(topic, within = 100) {
  if (waiting.has(topic)) return;
  waiting.add(topic);
  const soonest = (asked.get(topic) ?? -100) + 100 - performance.now();
  setTimeout(() => {
    waiting.delete(topic);
    asked.set(topic, performance.now());
    if (window.htmx) htmx.trigger(page, topic);
    else page.dataset.refresh = "failed";
  }, Math.max(soonest, within * Math.random()));
}

// --- Hearing. One tab of a browser listens for all of them: HTTP/1.1 grants a site six connections.
let source, change, retryAt = 0, leads = false;
const tabs = new BroadcastChannel("vigil-live");
tabs.onmessage = ({ data }) => receive(data);

function receive({ beat, topic, baseline, hello, ended }) {
  if (ended) {
    out();
  } else if (hello) {
    if (leads && change !== undefined) tabs.postMessage({ baseline: change });
  } else if (baseline !== undefined) {
    change ??= baseline; // older than what is fetched next, so that nothing falls between
  } else if (topic) {
    hear();
    tell(topic, topic === "ward" ? 1000 : 100);
  } else {
    hear(Date.parse(beat.server_time));
    document.dispatchEvent(new Event("live:heard"));
    if (beat.change !== change) tell("ward", 1500); // a word was lost, or we are new here
    change = beat.change;
    const awake = beat.watch_age_s !== null && beat.watch_age_s < WATCH_DEAD; // null: it never beat
    page.dataset.watch = awake ? "awake" : "silent";
  }
}

function connect() {
  retryAt = performance.now() + 2000 + 2500 * Math.random(); // not every screen in the same second
  source?.close();
  source = new EventSource("/live");
  const relay = (message) => { receive(message); if (leads) tabs.postMessage(message); };
  source.onopen = () => { if (page.dataset.live === "out") back(); };
  source.onmessage = ({ data }) => relay({ topic: data });
  source.addEventListener("baseline", ({ data }) => receive({ baseline: data }));
  source.addEventListener("heartbeat", ({ data }) => relay({ beat: JSON.parse(data) }));
  source.addEventListener("ended", () => relay({ ended: true }));
  source.onerror = () => { if (source.readyState === EventSource.CLOSED) whyClosed(); };
}

// EventSource gives up on anything but 200 and does not say why.
async function whyClosed() {
  const asking = new AbortController();
  try {
    const { status } = await fetch("/live", { headers: { "Vigil-Refresh": "1" }, signal: asking.signal });
    if (status === 401) out();
  } catch { /* silence says it */ } finally { asking.abort(); }
}

function watchdog() {
  show();
  const gone = source ? source.readyState === EventSource.CLOSED : false;
  if ((gone || silence() > STALE) && page.dataset.live !== "out" && performance.now() > retryAt) connect();
}

// --- The sign-in ended: nothing here is refreshed any more, and what was typed stays.
function out() {
  if ("machine" in page.dataset) return location.replace("/wall"); // a wallboard no longer: the way in
  page.dataset.live = "out";
  source?.close();
  document.dispatchEvent(new Event("live:out"));
  for (const link of document.querySelectorAll("[data-sign-in]")) link.href = `/sign-in?to=${encodeURIComponent(location.pathname)}`;
  show();
}

function back() {
  const typed = [...document.querySelectorAll("form[method=post] :is(input, textarea, select)")]
    .some((field) => (field.type === "radio" || field.type === "checkbox" ? field.checked !== field.defaultChecked : field.value !== (field.defaultValue ?? field.value)));
  if (!typed) location.reload(); // somebody may have signed in who sees other things
  else page.dataset.live = "live";
}

// --- htmx: what a topic asked for is nobody's activity, and never speaks in the message strip.
const isRefresh = (ctx) => TOPIC.test(ctx?.sourceEvent?.type ?? "");
page.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  if (isRefresh(ctx)) ctx.request.headers["Vigil-Refresh"] = "1";
});
page.addEventListener("htmx:before:response", (event) => {
  const { ctx } = event.detail, status = ctx.response.status;
  if (status === 401) out();
  if (status < 400 || !isRefresh(ctx)) return;
  event.preventDefault();
  failed(ctx.sourceElement, status === 403 || status === 404 ? "gone" : "");
  if (status === 404) tell("board");
});
page.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  if (ctx.response.status >= 500) say("Not saved: the server could not do it. Try again; nothing is saved twice.");
});
page.addEventListener("htmx:error", ({ target, detail: { ctx } }) => {
  if (isRefresh(ctx)) failed(ctx.sourceElement, "");
  else if (ctx?.request?.method === "POST") say("Not saved: no answer from the server. Try again; nothing is saved twice.");
  else if (target instanceof Element) failed(target, "");
});
page.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (ctx.sourceElement instanceof Element) delete ctx.sourceElement.dataset.failed;
  howMuchFailed();
  tick();
});

function say(sentence) {
  const told = document.createElement("p");
  told.textContent = sentence;
  document.getElementById("message")?.replaceChildren(told);
}

function failed(element, how) {
  element.dataset.failed = how;
  howMuchFailed();
}

const howMuchFailed = () => { page.dataset.refresh = document.querySelector('[data-failed=""]') ? "failed" : "well"; };

// --- The unit's clock and every countdown run on the server's time, not on this machine's.
let quarter;
function tick() {
  const at = now();
  for (const clock of document.querySelectorAll("[data-clock]")) write(clock, clockTime(at, clock.dataset.clock));
  for (const due of document.querySelectorAll("[data-due]")) {
    const minutes = (Date.parse(due.dataset.due) - at) / 60000;
    write(due, minutes <= -1 ? `${span(Math.floor(-minutes))} overdue` : minutes < 1 ? "now" : `in ${span(Math.floor(minutes))}`);
  }
  for (const age of document.querySelectorAll("[data-since]")) write(age, span(Math.max(0, Math.floor((at - Date.parse(age.dataset.since)) / 60000))));
  for (const left of document.querySelectorAll("[data-left]")) {
    const seconds = Math.ceil((Date.parse(left.dataset.left) - at) / 1000);
    if (seconds > 0) write(left, seconds > 60 ? `${Math.ceil(seconds / 60)} min` : `${seconds} s`);
    else glassIsWhole(left.closest(".bar"));
  }
  const turned = Math.floor(at / 900000);
  if (quarter !== undefined && quarter !== turned) tell("shift", 20000);
  quarter = turned;
}

// What could be read until now must not stand there; what is typed on any other page stays.
function glassIsWhole(bar) {
  const record = bar.querySelector("a").pathname;
  if (`${location.pathname}/`.startsWith(`${record}/`)) location.replace("/home");
  bar.remove();
}

// In the hour that comes twice the offset is part of the time.
function clockTime(at, timeZone) {
  const read = (moment) => new Date(moment).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone });
  const words = read(at);
  if (words !== read(at + 3600000) && words !== read(at - 3600000)) return words;
  const parts = new Intl.DateTimeFormat("en-GB", { timeZone, timeZoneName: "shortOffset" }).formatToParts(at);
  return `${words} (${parts.find(({ type }) => type === "timeZoneName").value.replace("GMT", "UTC")})`;
}

function span(minutes) {
  if (minutes < 60) return `${minutes} min`;
  if (minutes >= 2880) return `${Math.floor(minutes / 1440)} days`;
  const rest = minutes % 60;
  return `${Math.floor(minutes / 60)} h${rest ? ` ${String(rest).padStart(2, "0")}` : ""}`;
}

// --- A real touch or key is activity; once a minute is enough to say so.
let touched = performance.now();
function touch() {
  if (!page.dataset.signIn) return; // nobody whose activity it could be
  if (performance.now() - touched < 60000 || page.dataset.live === "out") return;
  touched = performance.now();
  fetch("/shift").then(({ status }) => { if (status === 401) out(); }, () => {});
}

if (page.dataset.live) {
  show();
  tick();
  tell("ward", 1000); // what was said between the page's making and now
  tabs.postMessage({ hello: true });
  const lead = () => { leads = true; connect(); return new Promise(() => {}); };
  if (navigator.locks) navigator.locks.request("vigil-live", lead);
  else lead();
  setInterval(watchdog, 1000);
  setInterval(tick, 5000);
  setInterval(() => { if (page.dataset.refresh === "failed") tell("ward", 2000); }, 5000);
  for (const name of ["pointerdown", "keydown"]) addEventListener(name, touch, { passive: true });
  addEventListener("online", connect);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    tick();
    if (page.dataset.live === "out" || silence() > STALE) connect();
    show();
  });
}
