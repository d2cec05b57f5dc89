// In the presenter view a ring goes with the pointer, so that those who look on see where it is.
"use strict";

(() => {
  if (!document.documentElement.classList.contains("presenting")) return;
  const ring = document.createElement("div");
  ring.className = "pointer-ring";
  ring.setAttribute("aria-hidden", "true");
  document.addEventListener("DOMContentLoaded", () => document.body.append(ring));
  document.addEventListener("pointermove", (event) => {
    if (event.pointerType === "touch") return;
    ring.style.translate = `${event.clientX}px ${event.clientY}px`;
    ring.classList.add("there");
  });
  document.documentElement.addEventListener("pointerleave", () => ring.classList.remove("there"));
  for (const name of ["pointerdown", "pointerup"]) {
    document.addEventListener(name, () => ring.classList.toggle("pressed", name === "pointerdown"));
  }
})();
