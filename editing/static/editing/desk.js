"use strict";
// The lists of the desk by keyboard: j and k go through the items, and the key on a button presses it.
(() => {
  const items = [...document.querySelectorAll(".desk-item")];
  const current = () => items.findIndex((item) => item.contains(document.activeElement));
  let sent = false;

  const go = (place) => {
    const item = items[Math.min(Math.max(place, 0), items.length - 1)];
    item?.focus();
    item?.scrollIntoView({ block: "nearest" });
  };

  // A button whose form has a field that is to be filled in first leads there.
  const press = (button) => {
    const field = button.form?.querySelector("input[type=text], select");
    if (!field) return button.click();
    if (field.matches("select")) return window.django.jQuery(field).select2("open");
    field.focus();
    field.select();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    const typing = event.target.closest("input, select, textarea, .select2-container");
    if (typing) {
      if (event.key === "Escape") typing.closest(".desk-item")?.focus();
      return;
    }
    const place = current();
    const steps = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };
    if (event.key in steps) {
      event.preventDefault();
      go(place < 0 ? 0 : place + steps[event.key]);
      return;
    }
    const scope = event.key === "u" ? document : items[Math.max(place, 0)];
    const target = scope?.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (!target) return;
    event.preventDefault();
    press(target);
  });

  // An item is settled once, however often its key is pressed.
  document.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
  window.addEventListener("pageshow", () => (sent = false));

  // Who chooses a successor has decided.
  window.django?.jQuery(document).on("select2:select", ".desk-item select", (event) => {
    event.target.form.requestSubmit();
  });
  // Select2 names its field by what is chosen in it, which is nothing yet.
  window.django?.jQuery(() => {
    for (const select of document.querySelectorAll(".desk-item select")) {
      const name = select.labels[0]?.textContent ?? "";
      for (const field of select.parentElement.querySelectorAll(".select2-selection, .select2-selection__rendered")) {
        field.removeAttribute("aria-labelledby");
        field.setAttribute("aria-label", name);
      }
    }
  });
  const focused = document.querySelector(".desk-item[autofocus]");
  if (focused) go(items.indexOf(focused));
})();
