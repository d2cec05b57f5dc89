// Sessions that end stay on the page for three more looks, dimmed and in words, where they were: nothing vanishes at once. What they
// last did is in the page already, so no server has to remember it.
"use strict";

(() => {
  const LOOKS = 3;
  let before = []; // [row, the id of the row above it]

  const section = () => document.getElementById("sessions");

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target !== section() || !event.detail.shouldSwap) return;
    before = [...section().querySelectorAll("tbody tr")].map((row) => [row, row.previousElementSibling?.id]);
  });

  document.addEventListener("htmx:afterSettle", () => { // settling writes the classes of rows anew
    const now = section();
    const body = now?.querySelector("tbody");
    if (!body) return;
    const alive = new Set(now.dataset.alive.split(" "));
    for (const [row, above] of before) {
      if (document.getElementById(row.id)) continue;
      const looks = Number(row.dataset.looks ?? 0) + 1;
      if (looks > LOOKS) continue;
      const kept = row.cloneNode(true);
      kept.dataset.looks = looks;
      kept.className = "gone";
      kept.querySelector("[data-state]").textContent = alive.has(row.dataset.key) ? "no longer matches" : "ended";
      kept.querySelector("[data-state]").className = "";
      kept.querySelector("[data-wait]").replaceChildren();
      kept.querySelector("[data-notes]").replaceChildren();
      const place = above && document.getElementById(above);
      if (place) place.after(kept);
      else body.prepend(kept);
    }
    before = [];
    markJump();
    announce(now);
  });

  // The row somebody jumped to stays marked; `:target` would be forgotten with the element it was.
  function markJump() {
    for (const row of document.querySelectorAll("#sessions tr[data-key]")) row.classList.toggle("jumped", `#${row.id}` === location.hash);
  }
  window.addEventListener("hashchange", markJump);
  markJump();

  let spoken = 0;
  let said = null;
  function announce(now) {
    if (now.dataset.say === said || Date.now() - spoken < 5000) return;
    if (said !== null) document.getElementById("announce").textContent = now.dataset.say;
    said = now.dataset.say;
    spoken = Date.now();
  }
})();
