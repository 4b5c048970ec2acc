// The view in the address of the page, so that a link restores it.
import { type ViewPart, isView, panelOf, parse, serialize } from "./fragment";
import type { Page } from "./page.svelte";

const DELAY = 200; // ms: browsers limit how often an address may change

/** The address of the page as it is now; `panel` is where it takes its reader. */
export function linkTo(page: Page, panel: string): string {
  const view = serialize(page.parts);
  return `${bare()}#${view ? `${view}&at=${panel}` : panel}`;
}

const bare = (): string => location.href.split("#")[0];

/** Follow the address, and write every change of the view into it. */
export function followAddress(parts: readonly ViewPart[]): void {
  const read = () => {
    if (!isView(location.hash)) return;
    parse(location.hash, parts);
    document.getElementById(panelOf(location.hash))?.scrollIntoView();
  };
  addEventListener("hashchange", read);
  // The panels grow while they are filled: scroll to the one that is linked to afterwards.
  requestAnimationFrame(read);
  read();

  let timer = 0;
  let before = serialize(parts);
  $effect.root(() => {
    $effect(() => {
      const now = serialize(parts);
      if (now === before) return;
      before = now;
      clearTimeout(timer);
      timer = window.setTimeout(
        () => history.replaceState(null, "", `${bare()}${now ? `#${now}` : ""}`),
        DELAY,
      );
    });
  });
}

/** Links between the panels scroll there and leave the view in the address. */
export function preserveViewOnLinks(): void {
  for (const link of document.querySelectorAll<HTMLAnchorElement>("a[data-to]")) {
    link.addEventListener("click", (event) => {
      const target = document.getElementById(link.dataset.to ?? "");
      if (!target || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      target.scrollIntoView();
      const heading = target.querySelector<HTMLElement>("h2");
      heading?.setAttribute("tabindex", "-1");
      heading?.focus({ preventScroll: true });
    });
  }
}
