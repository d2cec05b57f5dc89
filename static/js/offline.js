// Steps through a run inside one file, without any server: unpacks the pictures that came with it, and shows one of them.
"use strict";

(async () => {
  const find = (id) => document.getElementById(id);
  let run;
  try {
    const packed = Uint8Array.from(atob(find("data").textContent), (letter) => letter.charCodeAt(0));
    run = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
  } catch (error) {
    find("trouble").hidden = false;
    find("trouble").textContent = `The other steps could not be unpacked (${error}). Try a newer browser, or the whole file.`;
    return;
  }
  const last = run.first + run.steps.length - 1;
  const slider = find("slider");
  const template = document.createElement("template");
  let at = Number(find("panels").dataset.start);
  let shown = null;

  function show(step) {
    const places = run.steps[step - run.first];
    const panels = [find("caption"), ...find("panels").children];
    places.forEach((place, index) => {
      if (shown && shown[index] === place) return;
      const body = panels[index].querySelector(".body");
      const open = [...panels[index].querySelectorAll("details[open]")].map((one) => one.id);
      template.innerHTML = run.fragments[place];
      if (index === 0) return panels[0].replaceChildren(template.content);
      const next = template.content.firstElementChild;
      for (const fold of next.querySelectorAll("details[id]")) if (open.includes(fold.id)) fold.open = true;
      panels[index].replaceWith(next);
      if (body) next.querySelector(".body").scrollTo(body.scrollLeft, body.scrollTop);
    });
    mark(step);
    shown = places;
    at = step;
    slider.value = step;
    slider.setAttribute("aria-valuetext", `step ${step} of ${last}`);
    for (const [id, off] of [["first", at === run.first], ["back", at === run.first], ["next", at === last], ["last", at === last]]) {
      find(id).setAttribute("aria-disabled", String(off));
    }
    const source = find("source-body");
    const line = source.querySelector(".current") ?? source.querySelector(".marked");
    if (line) source.scrollTop = line.offsetTop - source.clientHeight / 2;
    if (!playing) find("announce").textContent = find("caption").textContent.replace(/\s+/g, " ");
  }

  // The lanes are the same for many steps; which of them is shown is marked here.
  function mark(step) {
    const lanes = find("timeline-body");
    const current = (one) => Number(one.dataset.at ?? one.dataset.first) <= step && step <= Number(one.dataset.at ?? one.dataset.last);
    for (const one of document.querySelectorAll(".timeline-panel :is([data-at], [data-first])")) {
      if (current(one)) one.setAttribute("aria-current", one.dataset.at ? "step" : "true");
      else one.removeAttribute("aria-current");
      if (one.matches(".step-mark")) one.classList.toggle("current", current(one));
    }
    const at = find(`mark-${step}`);
    if (!at || !lanes.clientWidth) return;
    const names = lanes.querySelector(".lane-names").clientWidth;
    const left = at.getBoundingClientRect().left - lanes.getBoundingClientRect().left - names;
    const room = lanes.clientWidth - names - at.clientWidth;
    if (left < 0 || left > room) lanes.scrollLeft += left - room / 2;
  }

  // The step is in the address, so that a link into the file leads to it.
  function go(step) {
    const to = Math.max(run.first, Math.min(last, step));
    if (to !== at) location.hash = `#step-${to}`;
  }

  function fromAddress() {
    const asked = /^#step-([0-9]+)$/.exec(location.hash);
    if (!asked && shown) return; // it leads to something of this page
    show(asked ? Math.max(run.first, Math.min(last, Number(asked[1]))) : Number(find("panels").dataset.start));
  }

  let playing = null;
  function pause() {
    clearTimeout(playing);
    playing = null;
    find("play").querySelector("span").textContent = "Play";
  }
  function tick() {
    if (at === last) return pause();
    playing = setTimeout(tick, 1000 / Number(find("speed").value));
    find("play").querySelector("span").textContent = "Pause";
    go(at + 1);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.id === "play") return playing ? pause() : tick();
    if (button.id === "theme") {
      const root = document.documentElement;
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      return;
    }
    if ("lower" in button.dataset) {
      find("panels").dataset.lower = button.dataset.lower;
      for (const one of button.parentElement.children) one.setAttribute("aria-pressed", String(one === button));
      return mark(at);
    }
    if (button.hasAttribute("popovertarget")) return;
    if (playing) pause();
    if (button.id === "back") go(at - 1);
    else if (button.id === "next") go(at + 1);
    else if ("step" in button.dataset) go(Number(button.dataset.step));
  });
  slider.addEventListener("input", () => go(Number(slider.value)));

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("select")) return;
    if (event.target.matches("input") && /^(Arrow|Home|End)/.test(event.key)) return;
    if (event.key === " " && event.target.matches("button, a, summary")) return;
    const key = event.key === " " ? "Space" : event.key;
    const found = document.querySelector(`[aria-keyshortcuts~="${CSS.escape(key)}"]`);
    if (!found) return;
    event.preventDefault();
    found.click();
  });
  window.addEventListener("hashchange", fromAddress);
  fromAddress();
})();
