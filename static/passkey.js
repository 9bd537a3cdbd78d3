// Asks the browser for a passkey and sends what it answers as an ordinary form: [data-passkey] names
// where the question comes from. Whatever goes wrong is said in the form, and nothing is sent.
(() => {
  const NONE = "This browser knows no passkeys. Use your password and the digits of your app.";
  const AGAIN = "The server did not answer as it should. Open this page again, and try once more.";
  const SAID = {
    NotAllowedError: "The device gave no passkey: it was called off, took too long, or has none for this address.",
    InvalidStateError: "This device holds a passkey of yours already.",
    SecurityError: "This address is not the one that Vigil's passkeys are for.",
  };
  const known = () => Boolean(window.isSecureContext && window.PublicKeyCredential && navigator.credentials);

  const read = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  const written = (buffer) =>
    btoa(Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join(""))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const named = (list) => (list ?? []).map((one) => ({ ...one, id: read(one.id) }));

  function say(form, words) {
    const place = form.querySelector("[data-passkey-says]");
    place.textContent = words;
    place.hidden = !words;
  }

  async function question(form) {
    const answer = await fetch(form.dataset.passkey, { method: "POST", credentials: "same-origin" });
    const kind = answer.headers.get("Content-Type") ?? "";
    if (!kind.startsWith("application/json")) throw new Error(AGAIN);
    const told = await answer.json();
    if (told.refusal) throw new Error(told.refusal);
    return { ...told, challenge: read(told.challenge) };
  }

  async function made(asked) {
    const publicKey = {
      ...asked,
      user: { ...asked.user, id: read(asked.user.id) },
      excludeCredentials: named(asked.excludeCredentials),
    };
    const key = await navigator.credentials.create({ publicKey });
    const { clientDataJSON, attestationObject } = key.response;
    return answer(key, { clientDataJSON, attestationObject });
  }

  async function shown(asked) {
    const publicKey = { ...asked, allowCredentials: named(asked.allowCredentials) };
    const key = await navigator.credentials.get({ publicKey });
    const { clientDataJSON, authenticatorData, signature, userHandle } = key.response;
    return answer(key, { clientDataJSON, authenticatorData, signature, userHandle });
  }

  function answer(key, parts) {
    const response = Object.entries(parts)
      .filter(([, part]) => part)
      .map(([name, part]) => [name, written(part)]);
    return { id: key.id, rawId: written(key.rawId), type: key.type, response: Object.fromEntries(response) };
  }

  async function ask(form) {
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    say(form, "");
    try {
      const asked = await question(form);
      const told = await (asked.user ? made(asked) : shown(asked));
      form.elements.answer.value = JSON.stringify(told);
      button.disabled = false;
      form.requestSubmit(button);
    } catch (error) {
      say(form, SAID[error.name] ?? (error.name === "Error" ? error.message : AGAIN));
    } finally {
      button.disabled = false;
    }
  }

  // Before htmx and before the browser send it: a form without an answer asks the device first.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.passkey) return;
    if (form.elements.answer.value) {
      queueMicrotask(() => setTimeout(() => { form.elements.answer.value = ""; })); // good for one time
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    if (known()) ask(form);
    else say(form, NONE);
  }, true);

  if (!known()) {
    for (const form of document.querySelectorAll("form[data-passkey]")) {
      say(form, NONE);
      form.querySelector("[type=submit]").disabled = true;
    }
  }
})();
