// Shows beside the text of a cell what it says, while it is typed. The grammar of cells is the server's alone: it is
// asked once nothing was typed for a moment.
"use strict";

{
  const PAUSE = 200; // milliseconds
  const UNANSWERED = "shown once it is saved";
  const AREAS = "textarea[data-sign]"; // the URL to ask
  const states = new WeakMap();

  const stateOf = (area) => {
    if (!states.has(area)) {
      const output = document.createElement("output");
      output.className = "help";
      output.style.marginInlineStart = "1ch";
      output.setAttribute("for", area.id);
      output.setAttribute("aria-live", "polite");
      area.after(output);
      states.set(area, { output, timer: 0, request: null });
    }
    return states.get(area);
  };

  const ask = async (area) => {
    const state = stateOf(area);
    const request = new AbortController();
    state.request = request;
    let words = UNANSWERED;
    try {
      const url = `${area.dataset.sign}?${new URLSearchParams({ text: area.value })}`;
      const response = await fetch(url, { redirect: "error", signal: request.signal });
      if (response.ok) {
        ({ words } = await response.json());
      }
    } catch {
      // No answer: the network failed, the session has ended, or a newer text is asked about.
    }
    if (state.request === request) {
      state.output.textContent = `The sign of this text: ${words}`;
    }
  };

  document.addEventListener("input", (event) => {
    if (event.target.matches(AREAS)) {
      const state = stateOf(event.target);
      state.request?.abort();
      state.request = null; // its answer would be of a text that is no longer there
      clearTimeout(state.timer);
      state.timer = setTimeout(ask, PAUSE, event.target);
    }
  });

  document.querySelectorAll(AREAS).forEach(ask);
}
