// What is typed into a sheet survives reload, sign-out and a lost network: encrypted on this device
// with a key that cannot be read out, per person and patient, until the server echoes the stored set.
(() => {
  const OLDEST_MS = 24 * 3600 * 1000;
  const MOVED_ON_MS = 5 * 60 * 1000; // a set begun longer ago was not observed "now"
  const show = (id, words) => {
    const place = document.getElementById(id);
    if (place) place.textContent = words;
  };
  const answer = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });

  async function store(name, mode) {
    const request = indexedDB.open("vigil", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("keys");
      request.result.createObjectStore("drafts");
    };
    const database = await answer(request);
    return database.transaction(name, mode).objectStore(name);
  }
  async function keyOf(person) {
    const known = await answer((await store("keys", "readonly")).get(person));
    if (known) return known;
    const made = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
    await answer((await store("keys", "readwrite")).put(made, person));
    return made;
  }

  const person = (name) => name.split("-")[0];
  const typed = (form) =>
    [...form.elements]
      .filter((e) => e.name && !["opened_by", "opened_for"].includes(e.name))
      .filter((e) => !["radio", "checkbox"].includes(e.type) || e.checked)
      .map((e) => [e.name, e.value]);

  async function keep(form) {
    const name = form.dataset.draft;
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const said = { inputs: typed(form), local: sheet.local() };
    const bytes = new TextEncoder().encode(JSON.stringify(said));
    const data = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await keyOf(person(name)), bytes);
    await answer((await store("drafts", "readwrite")).put({ iv, data, at: Date.now() }, name));
    show("draft-state", `Not saved yet. Draft kept on this device, ${sheet.local().slice(11)}.`);
  }

  async function kept(name) {
    const draft = await answer((await store("drafts", "readonly")).get(name));
    if (!draft) return null;
    if (Date.now() - draft.at > OLDEST_MS) return void (await forget(name));
    const key = await keyOf(person(name));
    const bytes = await crypto.subtle.decrypt({ name: "AES-GCM", iv: draft.iv }, key, draft.data);
    return { ...JSON.parse(new TextDecoder().decode(bytes)), age: Date.now() - draft.at };
  }
  const forget = async (name) => answer((await store("drafts", "readwrite")).delete(name));

  function fill(form, draft) {
    for (const element of form.elements) {
      const said = draft.inputs.filter(([name]) => name === element.name).map(([, value]) => value);
      if (!element.name || (!said.length && element.type !== "radio")) continue;
      if (["radio", "checkbox"].includes(element.type)) element.checked = said.includes(element.value);
      else element.value = said[0];
      if (said.length) element.closest("details")?.setAttribute("open", "");
    }
    const { observed_local, sent_at } = form.elements;
    if (draft.age > MOVED_ON_MS && !observed_local.value && !sent_at.value) {
      observed_local.value = draft.local;
      observed_local.closest("details").open = true;
    }
  }

  function bar(words) {
    document.getElementById("draft-bar").hidden = false;
    show("draft-words", words);
  }

  async function begin(form) {
    const name = form.dataset.draft;
    const draft = await kept(name);
    if (draft) {
      fill(form, draft);
      bar(`NOT SAVED. This is your draft of ${draft.local.slice(11)}. Check it, then save.`);
      document.dispatchEvent(new Event("sheet:filled"));
    }
    const names = await answer((await store("drafts", "readonly")).getAllKeys());
    const foreign = names.filter((n) => n !== name && n.split("-")[1] === name.split("-")[1]);
    if (foreign.length && !draft) bar("Another person has an unsaved draft for this patient on this device.");
  }

  async function end() {
    const { key, draft } = document.getElementById("saved").dataset;
    const mine = await kept(draft);
    if (mine?.inputs.some(([name, value]) => name === "key" && value === key)) await forget(draft);
  }

  const failed = () => show("draft-state", "Draft cannot be kept on this device: save before you leave.");
  let waiting;
  const later = (event) => {
    const form = event.target.closest?.("#sheet[data-draft]:not([data-draft=''])");
    clearTimeout(waiting);
    if (form) waiting = setTimeout(() => form.isConnected && keep(form).catch(failed), 250);
  };
  document.addEventListener("input", later);
  document.addEventListener("change", later);
  document.addEventListener("click", async (event) => {
    if (event.target.id !== "draft-discard") return;
    clearTimeout(waiting);
    await forget(document.getElementById("sheet").dataset.draft);
    location.reload();
  });
  const lost = (event) => {
    if (event.detail?.ctx?.sourceElement?.id !== "sheet") return;
    const form = document.getElementById("sheet");
    if (form.dataset.draft) keep(form).catch(failed);
    bar("NOT SAVED: no answer from the server. Everything is still here; save again. The time stays.");
  };
  document.addEventListener("htmx:error", lost);
  document.addEventListener("htmx:response:error", (event) => {
    if (event.detail?.ctx?.response?.raw?.status >= 500) lost(event);
  });
  const look = () => {
    if (document.getElementById("saved")) {
      clearTimeout(waiting);
      end().catch(() => {});
    }
  };
  document.addEventListener("htmx:after:swap", look);
  look();
  const form = document.querySelector("#sheet[data-draft]:not([data-draft=''])");
  if (form && window.indexedDB && crypto.subtle) begin(form).catch(failed);
  else if (form) failed();
})();
