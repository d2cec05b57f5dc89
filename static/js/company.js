// Following: this page goes to the step of who leads, until its reader goes somewhere else, and again when they return.
// Whether it follows is remembered per tab; it is of no interest to the server.
"use strict";
(() => {
  const bar = () => document.getElementById("company");
  const room = () => document.getElementById("room");
  const asked = new URLSearchParams(location.search).has("step"); // before any script writes the step into the address
  const key = () => `interlock-follow-${bar().dataset.run}`;
  let follows = true;
  function stored() {
    try { return sessionStorage.getItem(key()); } catch { return null; /* lasts as long as the page */ }
  }
  function follow(on) {
    follows = on;
    document.body.dataset.follow = on ? "on" : "off";
    try { sessionStorage.setItem(key(), on ? "on" : "off"); } catch { /* see stored() */ }
  }
  function go(step) {
    const url = `/runs/${bar().dataset.run}/live?step=${step}&follow=1${room().dataset.query}`;
    htmx.ajax("GET", url, { source: room(), target: room(), swap: "outerHTML" });
  }
  // Where this page should be and is not: at the leader's step, or (no longer polling) behind what was changed since.
  function come() {
    if (!bar()?.dataset.run || !room()?.dataset.url || document.querySelector("input[type=range]:active, #confirm[open]")) return;
    const { to, rev } = bar().dataset;
    const here = room().dataset;
    const there = to === "latest" ? here.last : to;
    const along = follows || "leads" in bar().dataset; // whoever leads has all their windows at one step
    if (there && along && here.step !== there) go(to);
    else if (!room().matches("[data-poll]") && Number(rev) > Number(here.rev)) go(here.step);
  }
  let said = "";
  function say() {
    const text = bar()?.dataset.say ?? "";
    if (text !== said) document.getElementById("announce").textContent = text;
    said = text;
  }
  let askedAt = 0;
  let movedAt = 0;
  const moves = ({ elt, pathInfo }) => elt !== room() && elt.closest("#room") && /\/(live|commands)\b/.test(pathInfo.requestPath);
  // Somebody else leads, and the reader goes elsewhere.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const { elt, pathInfo } = event.detail;
    if (elt === bar()) askedAt = performance.now();
    if (!moves(event.detail)) return;
    movedAt = performance.now();
    if (!bar()?.dataset.to || "leads" in bar().dataset) return;
    const step = new URLSearchParams(pathInfo.finalRequestPath.split("?")[1]).get("step");
    if (step !== room().dataset.step) follow(false);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (moves(event.detail)) movedAt = performance.now();
    // What was asked before the last move may tell of where this page itself has led from.
    if (event.detail.elt.id === "company" && movedAt > askedAt) return;
    if (event.detail.elt.closest?.("#company") && event.detail.successful) {
      if (event.detail.elt.id !== "company" && "leads" in (bar()?.dataset ?? {})) follow(true);
      come();
      say();
    }
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#return")) return;
    follow(true);
    come();
  });
  document.addEventListener("DOMContentLoaded", () => {
    if (!bar()) return;
    follow(stored() ? stored() === "on" : !(asked && bar().dataset.to));
    come();
    say();
  });
})();
