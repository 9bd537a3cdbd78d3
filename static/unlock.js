// The pad on the lock screen: large keys for gloves and tablets; six digits are enough.
import { unsent } from "/static/draft.js";

const form = document.getElementById("unlock"), pin = document.getElementById("pin");
const tabs = new BroadcastChannel("vigil-lock");

if (form) {
  document.getElementById("pad").hidden = false;
  document.getElementById("unlock-plain").hidden = true;
  document.getElementById("pad").addEventListener("click", ({ target }) => {
    const key = target.closest("button[type=button]")?.value;
    if (!key) return;
    pin.value = key === "back" ? pin.value.slice(0, -1) : (pin.value + key).slice(0, 6);
    full();
  });
  pin.addEventListener("input", full);
  form.addEventListener("change", ({ target }) => {
    if (target.name !== "sign_in_id") return;
    pin.value = "";
    pin.focus();
  });
}

let sent = false;
function full() {
  if (pin.value.length < 6 || sent) return;
  sent = true;
  form.requestSubmit();
}

// Another tab of this browser was unlocked: this one follows.
tabs.onmessage = ({ data }) => { if (data.active) location.reload(); };

// Nobody takes the tablet away without knowing that something on it was never sent.
async function count() {
  const words = document.getElementById("unsent"), { length } = await unsent();
  words.hidden = !length;
  const said = `${length} unsent ${length === 1 ? "entry" : "entries"} on this device, kept for whoever typed ${length === 1 ? "it" : "them"}.`;
  if (words.textContent !== said) words.textContent = said;
}
count().catch(() => {});
setInterval(() => count().catch(() => {}), 2000);
