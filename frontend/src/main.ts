// The script of a run's page: finds the places of the panels and fills them.
import { mount } from "svelte";
import "./explore.css";
import { readData } from "./data/data";
import { followAddress, preserveViewOnLinks } from "./view/address.svelte";
import { contextOf } from "./view/current";
import { followOpacity } from "./view/opacity.svelte";
import { Page } from "./view/page.svelte";
import { type PanelFile, byPanel } from "./view/panels";

const PANELS = byPanel(import.meta.glob<PanelFile>("./panels/*.svelte", { eager: true }));
/** Panels whose content is in the page already. */
const STATIC = byPanel(import.meta.glob<{ enhance(): void }>("./static/*.ts", { eager: true }));

const TOO_OLD = "This browser is too old for the interactive panel; the files to download below show it.";

async function start(): Promise<void> {
  for (const [name, { enhance }] of STATIC) if (document.getElementById(name)) enhance();
  preserveViewOnLinks();
  const data = readData();
  if (!data) return;
  const places = [...document.querySelectorAll<HTMLElement>("[data-mount]")];
  if (!("DecompressionStream" in window)) {
    for (const target of places) target.textContent = TOO_OLD;
    return;
  }
  const page = await Page.of(data);
  followOpacity(page);
  const fillings = places.map(async (target) => {
    const name = target.dataset.mount ?? "";
    const panel = PANELS.get(name);
    if (!panel) return;
    const { title, data: own } = data.panels[name];
    const model = await panel.load(page, own);
    target.classList.add("explore");
    mount(panel.default, { target, props: { name, title, model }, context: contextOf(page) });
  });
  await Promise.all(fillings);
  followAddress(page.parts);
}

void start();
