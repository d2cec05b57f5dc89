// Ticking rows of a list: all of a page at once, and how many there are. The buttons work without it.
"use strict";

(() => {
  const form = document.querySelector("[data-selection]");
  if (!form) return;
  const rows = [...form.querySelectorAll("input[name=run]")];
  const page = form.querySelector("#choose-page");
  const all = form.querySelector("#choose-all");

  function paint() {
    const ticked = rows.filter((row) => row.checked).length;
    page.checked = ticked === rows.length;
    page.indeterminate = ticked > 0 && ticked < rows.length;
    form.querySelector("#chosen").textContent = all?.checked ? "With all of them:" : `With ${ticked} of ${rows.length} ticked:`;
    for (const row of rows) row.closest("tr").classList.toggle("ticked", row.checked || Boolean(all?.checked));
  }

  form.addEventListener("change", (event) => {
    if (event.target === page) for (const row of rows) row.checked = page.checked;
    paint();
  });
  window.addEventListener("pageshow", paint); // also when the browser goes back and has kept the ticks
})();
