// Sets the theme before the first paint. The device keeps the name of a theme and a brightness.
(() => {
  const THEMES = ["auto", "light", "dark", "night"];
  const root = document.documentElement;

  function kept(name) {
    try { return localStorage.getItem(name); } catch { return null; } // storage may be forbidden
  }

  function keep(name, value) {
    try { localStorage.setItem(name, value); } catch { /* then it holds for this page only */ }
  }

  function wear(theme) {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
  }

  function dim(percent) {
    root.style.setProperty("--dim", percent / 100);
  }

  const theme = THEMES.includes(kept("theme")) ? kept("theme") : "auto";
  const brightness = Math.min(100, Math.max(50, Number(kept("brightness") ?? 100) || 100));
  wear(theme);
  dim(brightness);

  addEventListener("DOMContentLoaded", () => {
    for (const choice of document.querySelectorAll("[data-theme-choice]")) {
      choice.value = theme;
      choice.addEventListener("change", () => { wear(choice.value); keep("theme", choice.value); });
    }
    for (const choice of document.querySelectorAll("[data-dim-choice]")) {
      choice.value = brightness;
      choice.addEventListener("input", () => { dim(choice.value); keep("brightness", choice.value); });
    }
  });
})();
