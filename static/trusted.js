// Only htmx may turn text into a page: its policy is the one that the content security policy names,
// so every other way in (innerHTML, eval, a script's address) is shut by the browser itself. No script
// comes with what it makes, and no attribute is ever run as one. One script has an address: the worker.
(() => {
  const rules = { createHTML: (text) => text, createScript: () => "", createScriptURL: () => "/worker.js" };
  function Refused() { throw new TypeError("Attributes are not run as scripts here."); }
  const policy = window.trustedTypes?.createPolicy("htmx", rules) ?? rules;
  window.htmx?.registerExtension("trusted", { init: (api) => api.initSecurity(policy, Refused, Refused) });
  navigator.serviceWorker?.register(policy.createScriptURL(""), { type: "module", updateViaCache: "none" }).catch(() => {});
})();
