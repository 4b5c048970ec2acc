"use strict";
// Show the cards that match every word typed, and hide the others and empty groups.
(() => {
  const box = document.getElementById("filter");
  const status = document.getElementById("shown");
  const none = document.getElementById("none");
  const all = status.textContent;
  const groups = [...document.querySelectorAll(".group")];

  box.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    let count = 0;
    for (const group of groups) {
      let left = 0;
      for (const card of group.querySelectorAll(".card")) {
        card.hidden = !words.every((word) => card.dataset.words.includes(word));
        count += 1;
        if (!card.hidden) left += 1;
      }
      group.hidden = left === 0;
      shown += left;
    }
    none.hidden = shown > 0;
    status.textContent = words.length ? `${shown} of ${count} run${count === 1 ? "" : "s"}` : all;
  });
})();
