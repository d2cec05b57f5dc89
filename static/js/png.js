// A drawing of ours as PNG: the browser draws the SVG file and hands over what it sees. Twice as large, for slides.
"use strict";

(() => {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-png]");
    if (!button) return;
    const drawing = new Image();
    drawing.addEventListener("load", () => save(drawing, button.dataset.name));
    drawing.addEventListener("error", () => say("The drawing could not be loaded; the SVG may still be."));
    drawing.src = button.dataset.png;
  });

  function save(drawing, name) {
    const canvas = document.createElement("canvas");
    const scale = Math.min(2, 16000 / Math.max(drawing.width, drawing.height)); // browsers draw no larger canvas
    canvas.width = drawing.width * scale;
    canvas.height = drawing.height * scale;
    canvas.getContext("2d").drawImage(drawing, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
      say(`Saved: ${name}`);
    });
  }

  function say(text) { document.getElementById("announce").textContent = text; }
})();
