// Polling that pauses (by hand, in a hidden tab, while something is held), backs off when the server is away, and says so.
// htmx does the asking: an element with data-poll carries an id, hx-get and a trigger "every …" that the server chose.
// What a page shows of it: the button #poll, the banner #stale, and (where they are) #updated and #poll-every.
"use strict";

(() => {
  const known = new Map(); // by the id of what polls: when it was asked and answered, and how often in vain
  const opened = Date.now();
  let paused = false;
  let forced = false; // the next request of a poll goes out whatever the state

  const find = (id) => document.getElementById(id);
  const polls = () => [...document.querySelectorAll("[data-poll]")];
  const held = () => document.querySelector(":is(a, button, summary, input):active, #confirm[open]");
  const clock = (time) => new Date(time).toLocaleTimeString([], { hourCycle: "h23" });

  function state(id) {
    if (!known.has(id)) known.set(id, { asked: 0, answered: opened, failures: 0, silentUntil: 0, trouble: "" });
    return known.get(id);
  }

  // What an event of htmx tells of a poll; null: it is about something else.
  function poll(event) {
    const asker = event.detail.requestConfig?.elt ?? event.detail.elt;
    // One that its own answer has replaced is told of through what is left around it.
    return asker.matches("[data-poll]") && (event.target === asker || !asker.isConnected) ? state(asker.id) : null;
  }

  function interval() {
    const chosen = find("poll-every");
    return chosen ? 1000 * Number(chosen.value) : 0; // 0: as often as the server chose
  }

  function paint() {
    const chip = find("poll");
    if (!chip) paused = false; // what is over has no button to resume by
    const lost = polls().map((one) => state(one.id)).filter((one) => one.failures);
    const since = lost.length ? clock(Math.min(...lost.map((one) => one.answered))) : "";
    document.body.classList.toggle("is-stale", lost.length > 0);
    const then = paused ? "updating is paused" : "it is asked again by itself";
    warn(since && `Stale since ${since}: ${lost[0].trouble}. What is shown may have changed; ${then}.`);
    if (!chip) return;
    const now = paused ? "paused" : since ? "stale" : "live";
    chip.dataset.state = now;
    chip.querySelector(".symbol").textContent = now === "live" ? "●" : now === "paused" ? "‖" : "▲";
    const moves = polls().some((one) => one.id !== "company"); // else only who is here can change
    const words = { stale: `stale since ${since}`, paused: "paused", live: moves ? "live" : "up to date" };
    chip.querySelector(".poll-text").textContent = words[now];
    chip.title = paused ? "Resume updating (p)" : "Pause updating (p)";
    chip.setAttribute("aria-pressed", String(paused));
    age();
  }

  // Said once, not at each attempt.
  function warn(text) {
    const banner = find("stale");
    if (banner.dataset.said === text) return;
    banner.dataset.said = text;
    banner.querySelector(".stale-text").textContent = text;
    banner.hidden = !text;
  }

  function age() {
    const place = find("updated");
    if (!place || !polls().length) return;
    const seconds = Math.floor((Date.now() - Math.min(...polls().map((one) => state(one.id).answered))) / 1000);
    const text = seconds < 5 ? "just now" : seconds < 120 ? `${seconds} s ago` : `${Math.floor(seconds / 60)} min ago`;
    if (place.textContent !== text) place.textContent = text;
  }

  function refresh() {
    if (held()) return;
    for (const element of polls()) {
      forced = true;
      htmx.ajax("GET", element.getAttribute("hx-get"), { source: element, target: element, swap: "outerHTML" });
      forced = false;
    }
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    const one = poll(event);
    if (!one) return;
    const soon = Date.now() < Math.max(one.silentUntil, one.asked + interval());
    if (!forced && (paused || document.hidden || held() || soon)) event.preventDefault();
    else one.asked = Date.now();
  });

  // What was on its way when something was taken hold of comes with the next answer.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (poll(event) && held()) event.detail.shouldSwap = false;
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.successful) return;
    const one = poll(event);
    if (!one && document.body.classList.contains("is-stale")) refresh(); // it answers again
    if (!one) return;
    if (one.failures) find("notice").replaceChildren();
    Object.assign(one, { answered: Date.now(), failures: 0, silentUntil: 0 });
    paint();
  });

  // Not htmx:sendAbort: a poll that gave way to a click has not failed.
  for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.addEventListener(name, (event) => {
      const one = poll(event);
      if (!one) return;
      one.failures += 1;
      one.silentUntil = Date.now() + 1000 * Math.min(30, 2 ** (one.failures - 1)) * (0.8 + 0.4 * Math.random());
      one.trouble = name === "htmx:responseError" ? "the dashboard answers with an error" : "the dashboard does not answer";
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
  setInterval(age, 1000);
})();
