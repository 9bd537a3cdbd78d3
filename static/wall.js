// Sounds while an emergency is nobody's. A browser stays silent until somebody has touched the page:
// the wall says whether it can sound, and never leaves it to be believed.
const AGAIN = 10; // seconds between two alarms
const button = document.getElementById("sound"), words = document.getElementById("sound-words");
let audio, sounded = -Infinity, waitingBefore = 0;

button.addEventListener("click", async () => {
  if (audio?.state === "running") {
    await audio.suspend();
  } else {
    audio ??= new AudioContext();
    await audio.resume();
    if (!waiting()) alarm(); // so that it has been heard once
  }
  try { sessionStorage.setItem("sound", audio.state === "running" ? "on" : "off"); } catch { /* for this page only */ }
  turn();
});

// Where this tab sounded before, it goes on where the browser allows it: a lock must not silence it.
try {
  if (sessionStorage.getItem("sound") === "on") {
    audio = new AudioContext();
    audio.resume().then(turn, () => {});
  }
} catch { /* storage may be forbidden */ }

const waiting = () => Number(document.querySelector("[data-sounds]")?.dataset.sounds ?? 0);

function alarm() {
  sounded = performance.now();
  for (const [at, pitch] of [[0, 880], [0.25, 660], [0.5, 880]]) {
    const tone = audio.createOscillator(), volume = audio.createGain();
    tone.frequency.value = pitch;
    volume.gain.value = 0.25;
    tone.connect(volume).connect(audio.destination);
    tone.start(audio.currentTime + at);
    tone.stop(audio.currentTime + at + 0.2);
  }
}

function turn() {
  const can = audio?.state === "running", now = waiting();
  const due = performance.now() - sounded > AGAIN * 1000 || now > waitingBefore;
  if (can && now && due) alarm();
  waitingBefore = now;
  button.setAttribute("aria-pressed", String(can));
  const said = can ? "Sounds for an emergency that nobody has." : "No sound: touch Sound.";
  if (words.textContent !== said) words.textContent = said;
  words.dataset.mute = String(!can && now > 0);
}

document.body.addEventListener("htmx:after:swap", turn);
setInterval(turn, 1000);
turn();
