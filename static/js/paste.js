// A traceback is longer than a search may be, and what tells stands at its end. Of one that is pasted the messages are kept.
"use strict";

(() => {
  const LONGEST = 250; // characters of a message: it is known by how it begins
  const FRAME = /File \\?"[^"]+", line \d+/;
  const LINKS = /Traceback \(most recent call last\)|During handling of the above exception|The above exception was the direct cause/;

  // What comes below a frame stands further in than it. A log may have put the same before each line, or all of it on one.
  function messages(text) {
    const kept = [];
    let column = -1;
    for (const line of text.split(/\r?\n|\\n/)) {
      const frame = line.search(FRAME);
      if (frame >= 0) column = frame;
      else if (line.trim() && !LINKS.test(line) && (column < 0 || line.slice(column, column + 2).trim())) kept.push(line.trim().slice(0, LONGEST));
    }
    return kept.join(" ");
  }

  document.addEventListener("paste", (event) => {
    const field = event.target;
    const text = event.clipboardData?.getData("text") ?? "";
    if (!field.matches?.("#search") || !FRAME.test(text)) return;
    const found = messages(text);
    if (!found) return;
    event.preventDefault();
    field.setRangeText(found.slice(0, field.maxLength), field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
})();
