// Light, dark, or as the system has it. Loaded in <head> without defer, so that no page shows in the wrong colours first.
"use strict";

(() => {
  const root = document.documentElement;
  const names = { system: "System", light: "Light", dark: "Dark" };

  function apply(theme) {
    if (theme === "system") root.removeAttribute("data-theme");
    else root.dataset.theme = theme;
    const label = document.querySelector(".theme-name");
    if (label) label.textContent = names[theme];
  }

  function stored() {
    try {
      const theme = localStorage.getItem("interlock-theme");
      return theme in names ? theme : "system";
    } catch {
      return "system"; // storage is switched off: the theme lasts as long as the page
    }
  }

  let current = stored();
  apply(current);
  document.addEventListener("DOMContentLoaded", () => {
    apply(current);
    document.getElementById("theme").addEventListener("click", () => {
      const order = Object.keys(names);
      current = order[(order.indexOf(current) + 1) % order.length];
      try { localStorage.setItem("interlock-theme", current); } catch { /* see stored() */ }
      apply(current);
    });
  });
})();
