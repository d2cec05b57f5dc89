// What somebody presses is done, or they are told. What is pressed while the room has not yet answered what was pressed before waits
// for that answer, and is pressed in the picture it brings.
"use strict";

(() => {
  const room = () => document.getElementById("room");
  let asked = false; // something was asked of the room and is not answered
  let waiting = []; // what was pressed since

  const asks = ({ elt, target }) => target.id === "room" && elt !== target;
  const words = (control) => control.textContent.trim();

  // The same control as it is now. A choice has none: it is one of those that were seen.
  function successor(control) {
    if (control.closest("form")?.matches(":has([name=token])")) return null;
    if (!control.id) return room().querySelector(`[hx-get="${CSS.escape(control.getAttribute("hx-get"))}"]`);
    const found = document.getElementById(control.id);
    return found && words(found) === words(control) ? found : null;
  }

  function tell() {
    document.getElementById("notice").replaceChildren(document.getElementById("overtaken").content.cloneNode(true));
  }

  function press(control) {
    const same = successor(control);
    if (!same) return tell();
    if (same.matches("input")) {
      same.value = control.value;
      same.dispatchEvent(new Event("change", { bubbles: true }));
    } else if (same.getAttribute("aria-disabled") !== "true") same.click();
  }

  // Asked before htmx would drop it, and before keys.js asks once more.
  document.addEventListener("htmx:confirm", (event) => {
    if (!asked || !asks(event.detail)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const { elt } = event.detail;
    const control = elt.matches("form") ? elt.querySelector("button") : elt;
    if (control.matches("input")) waiting = waiting.filter((one) => one.id !== control.id); // only where it came to rest matters
    waiting.push(control);
  });
  document.addEventListener("htmx:beforeSend", ({ detail }) => {
    if (!asks(detail)) return;
    asked = true;
    // Heard of the request itself: a poll may have taken the element away that asked, and then htmx tells nobody.
    detail.xhr.addEventListener("loadend", () => answered(detail.xhr.status));
  });
  function answered(status) {
    asked = false;
    const then = waiting;
    waiting = [];
    // All but the first will wait again. If something went wrong, that is what is said.
    if (status >= 200 && status < 300) setTimeout(() => then.forEach((one) => { if (!document.querySelector("#confirm[open]")) press(one); }));
  }

  // An answer may come between the two halves of a press; the browser then makes no click of it.
  let half = null;
  const control = (node, kinds) => node.closest?.(`#room :is(${kinds})`);
  const begin = (node, kinds) => { half = control(node, kinds); };
  function end(node) {
    if (half && !half.isConnected) half.id && half.id === control(node, "a, button")?.id ? press(half) : tell();
    half = null;
  }
  document.addEventListener("pointerdown", ({ target, button, ctrlKey, metaKey, shiftKey }) => {
    if (button === 0 && !ctrlKey && !metaKey && !shiftKey) begin(target, "a, button"); // else a menu, or another tab
  });
  document.addEventListener("pointerup", ({ target }) => end(target));
  document.addEventListener("pointercancel", () => { half = null; });
  document.addEventListener("keydown", ({ key, repeat }) => { if (key === " " && !repeat) begin(document.activeElement, "button"); });
  document.addEventListener("keyup", ({ key }) => { if (key === " ") end(document.activeElement); });
})();
