// A key presses the element that carries it in aria-keyshortcuts; which keys there are is decided in dashboard/keys.py.
// Also the little openers: dialogs, popovers, and copying.
"use strict";

(() => {
  const box = () => document.getElementById("keys-on");

  function switchedOn() {
    try { return localStorage.getItem("interlock-keys") !== "off"; } catch { return true; }
  }

  function busy(event) {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return true;
    const at = document.activeElement;
    if (at.matches("input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]")) return true;
    if (at.matches("input[type=range]") && /^(Arrow|Home|End)/.test(event.key)) return true;
    if (event.key === " " && at.matches("button, a, summary, input")) return true;
    return document.querySelector("dialog[open]") !== null;
  }

  document.addEventListener("keydown", (event) => {
    if (!switchedOn() || busy(event)) return;
    const key = event.key === " " ? "Space" : event.key;
    const found = document.querySelector(`[aria-keyshortcuts~="${CSS.escape(key)}"]`);
    if (!found) return;
    event.preventDefault();
    if (found.matches("input")) found.focus();
    else if (!found.disabled && found.getAttribute("aria-disabled") !== "true") found.click();
  });

  document.addEventListener("click", async (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener && !event.ctrlKey && !event.metaKey) open(document.getElementById(opener.dataset.opens), event.isTrusted ? opener.id : "");
    if (event.target.closest("[data-dismiss]")) document.getElementById("notice").replaceChildren();
    const copier = event.target.closest("[data-copy], [data-copy-from]");
    if (copier) copy(copier);
  });

  // What opens over the page closes when one goes elsewhere, and on Esc: nothing with focus is ever behind it.
  const popovers = () => document.querySelectorAll("details[open]:has(> .popover)");
  for (const name of ["focusin", "pointerdown"]) {
    document.addEventListener(name, (event) => {
      for (const one of popovers()) if (!one.contains(event.target)) one.open = false;
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
    for (const one of popovers()) {
      if (one.contains(document.activeElement)) one.querySelector("summary").focus();
      one.open = false;
    }
  });

  async function fetched(url) {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${url} was answered with ${answer.status}`);
    return answer.text();
  }

  async function copy(button) {
    const { copyFrom } = button.dataset;
    const text = copyFrom ? await fetched(copyFrom) : button.hasAttribute("data-copy-link") ? new URL(button.dataset.copy, location.href).href : button.dataset.copy;
    const label = button.querySelector("span");
    const before = button.dataset.label ??= label.textContent;
    try {
      await navigator.clipboard.writeText(text);
      label.textContent = "Copied";
      say(copyFrom ? "Copied" : `Copied: ${text}`);
    } catch {
      window.prompt("Copy this", text); // browsers allow the clipboard on https and loopback only
    }
    setTimeout(() => { label.textContent = before; }, 1500);
  }

  // Afterwards focus goes back to what opened it, which may have been swapped meanwhile; a key leaves it where it was.
  function open(dialog, from) {
    dialog.showModal();
    dialog.addEventListener("close", () => { if (from) document.getElementById(from)?.focus(); }, { once: true });
  }
  // A dialog whose form was answered has done its work.
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && event.detail.elt.matches("dialog form[data-closes]")) event.detail.elt.closest("dialog").close();
  });
  function say(text) { document.getElementById("announce").textContent = text; }

  document.addEventListener("DOMContentLoaded", () => {
    box().checked = switchedOn();
    box().addEventListener("change", () => {
      try { localStorage.setItem("interlock-keys", box().checked ? "on" : "off"); } catch { /* lasts as long as the page */ }
    });
  });
})();
