// Only htmx may turn text into a page: its policy is the one that the content security policy names,
// so every other way in (innerHTML, eval, a script's address) is shut by the browser itself. No script
// comes with what it makes, and no attribute is ever run as one.
(() => {
  const rules = { createHTML: (text) => text, createScript: () => "" };
  function Refused() { throw new TypeError("Attributes are not run as scripts here."); }
  window.htmx?.registerExtension("trusted", {
    init: (api) => api.initSecurity(window.trustedTypes?.createPolicy("htmx", rules) ?? rules, Refused, Refused),
  });
})();
