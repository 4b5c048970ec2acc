// The view in the address of the page, so that a link restores it.
import { isView, understood, written } from "./fragment";
import type { Page } from "./page.svelte";

const PAUSE = 200; // ms: browsers limit how often an address may change

/** The address of the page as it is now; `panel` is where its reader is led. */
export function linkTo(page: Page, panel: string): string {
  const view = written(page.choice, page.own, page.known);
  return `${bare()}#${view ? `${view}&at=${panel}` : panel}`;
}

const bare = (): string => location.href.split("#")[0];

/** Follow the address, and write every change into it. */
export function followAddress(page: Page): void {
  const read = () => {
    if (!isView(location.hash)) return;
    page.choose(understood(location.hash, page.own, page.known));
    const at = new URLSearchParams(location.hash.slice(1)).get("at");
    if (at) document.getElementById(at)?.scrollIntoView();
  };
  addEventListener("hashchange", read);
  // The panels grow while they are filled: lead to the one asked for when they are.
  requestAnimationFrame(read);
  read();

  let timer = 0;
  let before = written(page.choice, page.own, page.known);
  $effect.root(() => {
    $effect(() => {
      const now = written(page.choice, page.own, page.known);
      if (now === before) return;
      before = now;
      clearTimeout(timer);
      timer = window.setTimeout(() => history.replaceState(null, "", `${bare()}${now ? `#${now}` : ""}`), PAUSE);
    });
  });
}

/** Links between the panels lead there and leave the view in the address. */
export function keepViewOnLinks(): void {
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
