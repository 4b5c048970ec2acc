// One opacity for all overlays of a page: the variable --opacity, and every slider that sets it.
import type { Page } from "./page.svelte";

/** Tie the slider of the static panel, if there is one, and the overlays to the view. */
export function followOpacity(page: Page): void {
  const slider = document.getElementById("opacity") as HTMLInputElement | null;
  const percent = document.getElementById("opacity-value") as HTMLOutputElement | null;
  slider?.addEventListener("input", () => {
    page.opacity = Number(slider.value);
  });
  $effect.root(() => {
    $effect(() => {
      document.documentElement.style.setProperty("--opacity", String(page.opacity));
      if (slider && Number(slider.value) !== page.opacity) slider.value = String(page.opacity);
      if (percent) percent.value = `${Math.round(100 * page.opacity)} %`;
    });
  });
}
