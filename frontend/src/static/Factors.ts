// The panel of attribution factors, which is in the page as HTML: a factor is isolated while it is
// pointed at or focused, and stays so once it is pinned.

function stacksOf(legend: HTMLElement): HTMLElement[] {
  const { scope } = legend.dataset;
  return [...document.querySelectorAll<HTMLElement>(".stack[data-layer]")].filter(
    (stack) => scope === "both" || stack.dataset.layer === scope,
  );
}

function enhanceLegend(legend: HTMLElement, status: HTMLElement, hint: string): void {
  const stacks = stacksOf(legend);
  const where = stacks.map((stack) => stack.dataset.name).join(" and ");
  const items = [...legend.querySelectorAll<HTMLElement>(".factor")];
  const button = (item: HTMLElement) => item.querySelector("button") as HTMLButtonElement;
  let pinned: HTMLElement | null = null;
  let pointed: HTMLElement | null = null;

  const show = () => {
    const item = pointed ?? pinned;
    const factor = item?.dataset.factor ?? "all";
    for (const stack of stacks) {
      for (const image of stack.querySelectorAll<HTMLImageElement>(".overlay")) {
        image.hidden = image.dataset.factor !== factor;
      }
    }
    for (const other of items) {
      other.classList.toggle("shown", other === item);
      button(other).setAttribute("aria-pressed", String(other === pinned));
    }
    status.textContent = item ? `Factor ${factor} alone in ${where}.` : hint;
  };
  const point = (item: HTMLElement | null) => {
    pointed = item;
    show();
  };

  for (const item of items) {
    item.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && point(item));
    item.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && point(null));
    // A click focuses too, but only keyboard focus isolates: otherwise a second click could not undo.
    button(item).addEventListener("focus", () => button(item).matches(":focus-visible") && point(item));
    button(item).addEventListener("blur", () => point(null));
    button(item).addEventListener("click", () => {
      pinned = pinned === item ? null : item;
      show();
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !(pinned || pointed)) return;
    pinned = null;
    point(null);
  });
}

export function enhance(): void {
  const status = document.getElementById("status");
  if (!status) return;
  const hint = status.textContent ?? "";
  for (const legend of document.querySelectorAll<HTMLElement>(".legend[data-scope]")) {
    enhanceLegend(legend, status, hint);
  }
}
