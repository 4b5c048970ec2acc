// The script of a contact sheet: all sprites of a layer, to be searched, sorted and enlarged.
import { mount } from "svelte";
import "../explore.css";
import Contact from "./Contact.svelte";
import { readSheet } from "./data";
import { View, followAddress } from "./view.svelte";

const TOO_OLD = "This browser is too old to search and sort; the sheet below shows all sprites.";
const OPACITY = "0.6"; // of a heat map over the picture, as on the page of a run

/** One rule for all tiles: a picture of megabytes is read and decoded once. */
function addRule(uri: string): void {
  const style = document.createElement("style");
  style.textContent = `.contact .sprite { background-image: url("${uri}"); }`;
  document.head.append(style);
}

async function start(): Promise<void> {
  const target = document.querySelector<HTMLElement>('[data-mount="contact"]');
  const picture = document.getElementById("sheet") as HTMLImageElement | null;
  if (!target || !picture) return;
  if (!("DecompressionStream" in window)) {
    target.textContent = TOO_OLD;
    return;
  }
  const view = new View(await readSheet());
  addRule(picture.src);
  picture.hidden = true;
  document.documentElement.style.setProperty("--opacity", OPACITY);
  target.classList.add("explore");
  followAddress(view);
  mount(Contact, { target, props: { view } });
}

void start();
