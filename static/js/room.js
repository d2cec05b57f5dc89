// What a swap would lose: inner scroll, open folds, and focus on what has no name of its own or is gone. And what only the browser can do: play recorded steps, show the line in
// question, say the caption aloud.
"use strict";

(() => {
  const kept = new Map();
  const CONTROLS = "a[href], button, select, input:not([type=hidden]), summary, [tabindex='0']";
  let focus = null; // where it was: the ids around it, innermost first, and its place within each

  function remember(event) {
    kept.clear();
    const at = document.activeElement;
    focus = event.detail.target.contains(at) ? [] : null;
    for (let box = at; focus && box && box !== document.body; box = box.parentElement) {
      if (box.id) focus.push([box.id, [...box.querySelectorAll(CONTROLS)].indexOf(at)]);
    }
    for (const box of document.querySelectorAll("[data-keep]")) {
      const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 4;
      kept.set(box.id, { top: box.scrollTop, left: box.scrollLeft, atEnd });
    }
    for (const fold of document.querySelectorAll("[data-keep-open]")) kept.set(fold.id, { open: fold.open });
  }

  function restore() {
    for (const fold of document.querySelectorAll("[data-keep-open]")) {
      if (kept.has(fold.id)) fold.open = kept.get(fold.id).open;
    }
    for (const box of document.querySelectorAll("[data-keep]")) {
      const was = kept.get(box.id);
      const how = box.dataset.keep;
      if (how === "end" && (!was || was.atEnd)) box.scrollTop = box.scrollHeight;
      else if (was && how !== "top") box.scrollTo(was.left, was.top);
      if ("revealAcross" in box.dataset) revealAcross(box, box.querySelector(".current"));
      if ("reveal" in box.dataset) reveal(box, box.querySelector(".current") ?? box.querySelector(".marked") ?? box.querySelector(".moved"));
      if (box.dataset.reveal === "all") revealAll(box, [...box.querySelectorAll(".line.deed, .line.showed, .role")]);
    }
  }

  // Focus on what carries an id is kept by htmx; else it goes to what stands in the same place, or near it.
  function refocus() {
    for (const [id, place] of focus ?? []) {
      if (document.activeElement !== document.body) return;
      const box = document.getElementById(id);
      const controls = box ? [...box.querySelectorAll(CONTROLS)] : [];
      for (const one of [controls[place], box, controls[0]]) {
        if (document.activeElement === document.body) one?.focus({ preventScroll: true });
      }
    }
  }

  // Into view inside its own panel, and only if it is not there already: the page itself never scrolls.
  function reveal(box, line) {
    if (!line) return;
    const top = line.getBoundingClientRect().top - box.getBoundingClientRect().top + box.scrollTop;
    if (top < box.scrollTop + 24 || top + 40 > box.scrollTop + box.clientHeight) box.scrollTop = top - box.clientHeight / 2;
  }

  // What led to the failure and where it showed: both, if they fit; else where it showed.
  function revealAll(box, lines) {
    if (lines.length < 2) return;
    const from = box.getBoundingClientRect().top - box.scrollTop;
    const top = Math.min(...lines.map((one) => one.getBoundingClientRect().top)) - from;
    const end = Math.max(...lines.map((one) => one.getBoundingClientRect().bottom)) - from;
    const seen = top >= box.scrollTop && end <= box.scrollTop + box.clientHeight;
    if (end - top >= box.clientHeight) reveal(box, box.querySelector(".line.showed"));
    else if (!seen) box.scrollTop = (top + end - box.clientHeight) / 2;
  }

  function revealAcross(box, mark) {
    if (!mark) return;
    const names = mark.closest(".lanes").offsetLeft;
    const left = mark.getBoundingClientRect().left - box.getBoundingClientRect().left - names;
    const room = box.clientWidth - names - mark.clientWidth;
    if (left < 0 || left > room) box.scrollLeft += left - room / 2;
  }

  // The picture in words. While the run moves by itself a sentence every five seconds; the last one at once when it stops.
  const BREATH = 5000;
  let spoken = -BREATH;
  let said = null;
  let later = null;
  function announce() {
    clearTimeout(later);
    const room = document.getElementById("room");
    if (!room || room.dataset.say === said) return;
    const left = playing || "playing" in room.dataset ? spoken + BREATH - performance.now() : 0;
    if (left > 0) {
      later = setTimeout(announce, left);
      return;
    }
    spoken = performance.now();
    said = room.dataset.say;
    document.getElementById("announce").textContent = said;
  }

  let playing = null;
  function pause() {
    clearTimeout(playing);
    playing = null;
    paintPlay();
    announce();
  }
  function tick() {
    const next = document.getElementById("next");
    // Never presses a button that makes a live run go on: that is for people, or for the run's own Play.
    if (!next || !next.matches("a[href]")) return pause();
    playing = setTimeout(tick, 1000 / Number(document.getElementById("speed").value));
    if (!document.querySelector("[aria-busy]")) next.click();
  }
  function paintPlay() {
    const button = document.querySelector("#play[data-play]");
    if (!button) return;
    button.querySelector("span").textContent = playing ? "Pause" : "Play";
    button.setAttribute("aria-pressed", String(Boolean(playing)));
  }
  document.addEventListener("click", (event) => {
    if (event.target.closest("#play[data-play]")) return playing ? pause() : tick();
    if (playing && event.isTrusted && event.target.closest("#stepper a, #stepper button")) pause();
  });

  document.addEventListener("htmx:beforeSwap", remember);
  document.addEventListener("htmx:afterSwap", () => {
    restore();
    refocus();
    paintPlay();
    announce();
  });
  // What somebody asked for is on its way.
  document.addEventListener("htmx:beforeRequest", ({ detail: { elt, target } }) => {
    if (!elt.matches("[data-poll]")) target.setAttribute("aria-busy", "true");
  });
  document.addEventListener("htmx:afterRequest", ({ detail: { requestConfig } }) => {
    if (requestConfig.elt.matches("[data-poll]")) return;
    for (const one of document.querySelectorAll("[aria-busy]")) one.removeAttribute("aria-busy");
  });
  document.addEventListener("DOMContentLoaded", () => {
    restore();
    const room = document.getElementById("room");
    said = room?.dataset.say;
    // The address holds the step from the start, also where it was left out.
    if (room && room.dataset.url && room.dataset.url !== location.pathname + location.search) {
      history.replaceState(history.state, "", room.dataset.url);
    }
  });
})();
