// What a browser keeps for people who share it: sealed with AES-GCM by a key that no script can read
// out, one for each person and enrolment of the machine. Pages and the worker open it alike.
import { openDB } from "/static/vendor/idb.js";

export const able = Boolean(globalThis.indexedDB && globalThis.crypto?.subtle);

let opened;
// drafts: forms half filled in. queue: sets that are finished and not stored yet, in their order.
// pages: copies for reading while there is no contact. hands: who is at the keys, and since when.
export const vault = () =>
  (opened ??= openDB("vigil", 2, {
    upgrade(database, before) {
      if (before < 1) {
        database.createObjectStore("keys");
        database.createObjectStore("drafts");
      }
      database.createObjectStore("queue", { keyPath: "seq", autoIncrement: true }).createIndex("key", "key", { unique: true });
      database.createObjectStore("pages", { keyPath: "path" });
      database.createObjectStore("hands");
    },
    blocking(_now, _wanted, event) {
      event.target.close(); // a newer Vigil in another tab
      opened = undefined;
    },
    terminated() { opened = undefined; },
  }));

async function keyNamed(name) {
  const database = await vault();
  const known = await database.get("keys", name);
  if (known) return known;
  const made = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  await database.add("keys", made, name).catch(() => {}); // another tab was quicker: its key it is
  return database.get("keys", name);
}

// `device` is the number of the enrolment; "0" where nobody has enrolled this browser.
export async function seal(person, device, said) {
  const by = `${person}@${device}`, iv = crypto.getRandomValues(new Uint8Array(12));
  const bytes = new TextEncoder().encode(JSON.stringify(said));
  return { by, iv, data: await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await keyNamed(by), bytes) };
}

export async function unseal({ by, iv, data }) {
  const bytes = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, await keyNamed(by), data);
  return JSON.parse(new TextDecoder().decode(bytes));
}

export const ownerOf = (row) => row.by.split("@")[0];
export const deviceOf = (row) => row.by.split("@")[1];

// An enrolment has ended: whatever was sealed under one goes, key first, whoever's it was.
export async function clearEnrolled() {
  const database = await vault();
  const enrolled = (by) => !by.endsWith("@0");
  const change = database.transaction(["keys", "drafts", "queue", "pages", "hands"], "readwrite");
  for (const name of await change.objectStore("keys").getAllKeys()) {
    if (enrolled(name)) change.objectStore("keys").delete(name);
  }
  let unsent = 0;
  for (const store of ["drafts", "queue", "pages"]) {
    for (let row = await change.objectStore(store).openCursor(); row; row = await row.continue()) {
      if (!enrolled(row.value.by ?? "@0")) continue;
      unsent += store === "queue";
      row.delete();
    }
  }
  change.objectStore("hands").clear();
  await change.done;
  return unsent;
}
