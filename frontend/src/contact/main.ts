// The script of a contact sheet: all sprites of a layer, to search, sort and enlarge.
import { mount } from "svelte";
import "../explore.css";
import { followAddress } from "../view/address.svelte";
import Contact from "./Contact.svelte";
import { readSheet } from "./data";
import { View } from "./view.svelte";

const TOO_OLD = "This browser is too old for searching and sorting; the sheet below shows all sprites.";
const OPACITY = "0.6"; // of a heat map over the input, as on the page of a run

/** One rule for all tiles, so that an image of megabytes is read and decoded once. */
function addRule(within: string, uri: string): void {
  const style = document.createElement("style");
  style.textContent = `${within} .sprite { background-image: url("${uri}"); }`;
  document.head.append(style);
}

async function start(): Promise<void> {
  const target = document.querySelector<HTMLElement>('[data-mount="contact"]');
  const image = document.getElementById("sheet") as HTMLImageElement | null;
  if (!target || !image) return;
  if (!("DecompressionStream" in window)) {
    target.textContent = TOO_OLD;
    return;
  }
  const view = new View(await readSheet());
  addRule(".contact", image.src);
  if (view.sheet.exemplars) addRule(".contact .exemplars", view.sheet.exemplars.uri);
  image.hidden = true;
  document.documentElement.style.setProperty("--opacity", OPACITY);
  target.classList.add("explore");
  followAddress([view]);
  mount(Contact, { target, props: { view } });
}

void start();
