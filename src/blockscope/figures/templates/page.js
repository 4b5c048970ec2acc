"use strict";
// A factor is isolated while it is pointed at or focused, and stays so once it is pressed.
(() => {
  const root = document.documentElement;
  const slider = document.getElementById("opacity");
  const percent = document.getElementById("opacity-value");
  const status = document.getElementById("status");
  const resting = status.textContent;

  slider.addEventListener("input", () => {
    root.style.setProperty("--opacity", slider.value);
    percent.value = `${Math.round(100 * slider.value)} %`;
  });

  for (const legend of document.querySelectorAll(".legend")) {
    const scope = legend.dataset.scope;
    const stacks = [...document.querySelectorAll(".stack[data-layer]")].filter(
      (stack) => scope === "both" || stack.dataset.layer === scope,
    );
    const where = stacks.map((stack) => stack.dataset.name).join(" and ");
    const items = [...legend.querySelectorAll(".factor")];
    let pinned = null;
    let pointed = null;

    const show = () => {
      const item = pointed ?? pinned;
      const factor = item ? item.dataset.factor : "all";
      for (const stack of stacks) {
        for (const image of stack.querySelectorAll(".overlay")) {
          image.hidden = image.dataset.factor !== factor;
        }
      }
      for (const other of items) {
        other.classList.toggle("shown", other === item);
        other.querySelector("button").setAttribute("aria-pressed", String(other === pinned));
      }
      status.textContent = item ? `Factor ${factor} alone in ${where}.` : resting;
    };
    const point = (item) => {
      pointed = item;
      show();
    };

    for (const item of items) {
      const button = item.querySelector("button");
      item.addEventListener("pointerenter", (event) => {
        if (event.pointerType === "mouse") point(item);
      });
      item.addEventListener("pointerleave", (event) => {
        if (event.pointerType === "mouse") point(null);
      });
      // A press focuses too, but only the keyboard's focus isolates: else a press could not undo.
      button.addEventListener("focus", () => {
        if (button.matches(":focus-visible")) point(item);
      });
      button.addEventListener("blur", () => point(null));
      button.addEventListener("click", () => {
        pinned = pinned === item ? null : item;
        show();
      });
    }
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      pinned = null;
      point(null);
    });
  }
})();
