// What of mine waits on this device: what was typed, and why it was not taken. Of others only how much.
import { link, listed, mine, send } from "/static/queue.js";
import { able, unseal, vault } from "/static/vault.js";

const list = document.getElementById("unsent"), none = document.getElementById("none-unsent");
const make = (tag, words, className = "") => Object.assign(document.createElement(tag), { textContent: words, className });

async function card(row) {
  const said = await unseal(row), refused = row.state === "refused";
  const article = make("article", "", "panel stack");
  article.dataset.key = row.key;
  article.append(make("h2", `${said.bed}: ${said.patient}`), make("p", `${said.title}, saved here at ${said.local.slice(11)} on ${said.local.slice(0, 10)}`));
  if (refused) {
    const why = make("ul", "");
    why.append(...row.wrong.map((sentence) => make("li", sentence)));
    article.append(make("p", "NOT SAVED. The server would not take it:", "error"), why);
  } else article.append(make("p", "NOT SENT. It is sent by itself as soon as there is contact."));
  article.append(listed(said.lines));
  const ways = make("p", "", "row");
  if (refused) ways.append(link(`/stays/${row.stay}/record#unsent-${row.key}`, "Open it with what was typed"));
  ways.append(discarding(row));
  article.append(ways);
  return article;
}

// Twice, since nothing brings it back.
function discarding(row) {
  const button = Object.assign(make("button", "Discard", "btn"), { type: "button" });
  button.addEventListener("click", async () => {
    if (!button.dataset.sure) {
      button.dataset.sure = "true";
      button.textContent = "Discard for good? It is stored nowhere else";
      return;
    }
    await (await vault()).delete("queue", row.seq);
    new BroadcastChannel("vigil-queue").postMessage("changed");
    paint();
  });
  return button;
}

let shown;
async function paint() {
  const rows = await mine(), others = (await (await vault()).count("queue")) - rows.length;
  const now = JSON.stringify([others, rows.map(({ key, state }) => [key, state])]);
  if (now === shown) return; // what is being read, or about to be pressed, stays where it is
  shown = now;
  list.replaceChildren(...(await Promise.all(rows.map(card))));
  none.hidden = rows.length > 0;
  const words = document.getElementById("others-unsent");
  words.hidden = !others;
  words.textContent = `${others} unsent ${others === 1 ? "set" : "sets"} of somebody else. Only who typed ${others === 1 ? "it" : "them"} can open and send ${others === 1 ? "it" : "them"}: at their next sign-in here.`;
}

if (able) {
  document.addEventListener("queue:changed", () => paint().catch(() => {}));
  document.getElementById("send-now").hidden = false;
  document.getElementById("send-now").addEventListener("click", () => send());
  paint();
}
