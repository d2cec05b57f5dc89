// Polling that pauses (by hand, in a hidden tab, while the slider is held), backs off when the server is away, and says so.
// htmx does the asking: an element with data-poll carries hx-get and a trigger "every …" that the server chose.
"use strict";

(() => {
  let paused = false;
  let failures = 0;
  let silentUntil = 0;
  let staleSince = null;
  let forced = false; // the next request of a poll goes out whatever the state

  const polls = () => document.querySelectorAll("[data-poll]");
  const isPoll = (event) => {
    const asker = event.detail.requestConfig?.elt ?? event.detail.elt;
    // One that its own answer has replaced is told of through what is left around it.
    return asker.matches("[data-poll]") && (event.target === asker || !asker.isConnected);
  };

  function paint() {
    const chip = document.getElementById("poll");
    document.body.classList.toggle("is-stale", staleSince !== null);
    if (!chip) {
      paused = false; // what is over has no button to resume by; those who watch go on being told
      return;
    }
    const state = paused ? "paused" : staleSince ? "stale" : "live";
    chip.dataset.state = state;
    chip.querySelector(".symbol").textContent = state === "live" ? "●" : state === "paused" ? "‖" : "▲";
    chip.querySelector(".poll-text").textContent = state === "stale" ? `stale since ${staleSince}` : state;
    chip.title = paused ? "Resume updating (p)" : "Pause updating (p)";
    chip.setAttribute("aria-pressed", String(paused));
  }

  function refresh() {
    for (const element of polls()) {
      forced = true;
      htmx.ajax("GET", element.getAttribute("hx-get"), { source: element, target: element, swap: "outerHTML" });
      forced = false;
    }
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!isPoll(event) || forced) return;
    const held = document.querySelector("input[type=range]:active");
    if (paused || document.hidden || held || Date.now() < silentUntil) event.preventDefault();
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    if (!isPoll(event) || !event.detail.successful) return;
    if (failures) document.getElementById("notice").replaceChildren();
    failures = 0;
    silentUntil = 0;
    staleSince = null;
    paint();
  });

  // Not htmx:sendAbort: a poll that gave way to a click has not failed.
  for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.addEventListener(name, (event) => {
      if (!isPoll(event)) return;
      failures += 1;
      staleSince ??= new Date().toLocaleTimeString();
      silentUntil = Date.now() + 1000 * Math.min(30, 2 ** (failures - 1)) * (0.8 + 0.4 * Math.random());
      paint();
    });
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-refresh]")) refresh();
    if (!event.target.closest("#poll")) return;
    paused = !paused;
    paint();
    if (!paused) refresh();
  });

  document.addEventListener("visibilitychange", () => { if (!document.hidden && !paused) refresh(); });
  window.addEventListener("online", () => { if (!paused) refresh(); });
  document.addEventListener("htmx:afterSettle", paint);
})();
