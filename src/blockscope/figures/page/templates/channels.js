"use strict";
// Find and sort channels, say what an exemplar is, and forward to the page that has a channel.
(() => {
  const { pages, at, per_page: perPage, summary } = JSON.parse(document.getElementById("blockscope-data").textContent);
  const box = document.getElementById("filter");
  const sort = document.getElementById("sort");
  const status = document.getElementById("shown");
  const none = document.getElementById("none");
  const list = document.getElementById("articles");
  const all = document.querySelector(".all");
  const articles = new Map([...list.children].map((article) => [Number(article.id), article]));
  const chips = [...all.querySelectorAll("li")];

  const texts = summary.words.map((labels) => labels.map((label) => summary.labels[label]).join(" "));

  function forward() {
    const wanted = location.hash.slice(1);
    if (!/^\d+$/.test(wanted)) return;
    const page = Math.floor(Number(wanted) / perPage);
    if (page !== at && page < pages.length) location.replace(pages[page] + location.hash);
  }

  const largestFirst = (values) => (a, b) => (values[b] ?? -Infinity) - (values[a] ?? -Infinity) || a - b;
  const orders = {
    number: (a, b) => a - b,
    mean: largestFirst(summary.mean),
    largest: largestFirst(summary.largest),
    sparse: largestFirst(summary.zeros),
    dense: (a, b) => summary.zeros[a] - summary.zeros[b] || a - b,
  };

  function update() {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (n) => words.every((word) => (/^\d+$/.test(word) ? String(n) === word : texts[n].includes(word)));
    const order = chips.map((_, n) => n).sort(orders[sort.value]);
    let here = 0;
    let found = 0;
    for (const n of order) {
      const shown = fits(n);
      chips[n].hidden = !shown;
      chips[n].parentElement.append(chips[n]);
      if (shown) found += 1;
      const article = articles.get(n);
      if (!article) continue;
      article.hidden = !shown;
      list.append(article);
      if (shown) here += 1;
    }
    none.hidden = here > 0;
    const elsewhere = found - here;
    const noun = articles.size === 1 ? "channel" : "channels";
    status.textContent = words.length
      ? `${here} of ${articles.size} ${noun} here${elsewhere ? `, ${elsewhere} on other pages` : ""}`
      : `${articles.size} ${noun}`;
    if (words.length && elsewhere) all.open = true;
  }

  // A strip of exemplars is one stop of the Tab key; arrow keys move within it.
  for (const strip of document.querySelectorAll(".strip")) strip.firstElementChild?.setAttribute("tabindex", "0");
  function say(event) {
    if (!event.target.matches(".crop")) return;
    event.target.closest(".strips").querySelector(".words").textContent = event.target.title;
  }
  list.addEventListener("mouseover", say);
  list.addEventListener("focusin", say);
  list.addEventListener("click", say);
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const next = step && event.target.matches(".crop") && event.target[step > 0 ? "nextElementSibling" : "previousElementSibling"];
    if (!next) return;
    event.preventDefault();
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });

  document.querySelector(".find").hidden = false;
  box.addEventListener("input", update);
  sort.addEventListener("change", update);
  addEventListener("hashchange", forward);
  update();
  forward();
})();
