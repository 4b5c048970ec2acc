// The script of a run's page: finds the places for panels and fills them.
import { type Component, mount } from "svelte";
import "./explore.css";
import { readData } from "./data/data";
import { enhanceGroups } from "./groups";
import { followOpacity } from "./opacity.svelte";
import Channels from "./panels/Channels.svelte";
import Dictionary from "./panels/Dictionary.svelte";
import Grids from "./panels/Grids.svelte";
import Methods from "./panels/Methods.svelte";
import Neurons from "./panels/Neurons.svelte";
import Overrides from "./panels/Overrides.svelte";
import Spatial from "./panels/Spatial.svelte";
import { followAddress, keepViewOnLinks } from "./view/address.svelte";
import { within } from "./view/current";
import { Page } from "./view/page.svelte";

const PANELS: Record<string, Component> = {
  spatial: Spatial,
  overrides: Overrides,
  channels: Channels,
  methods: Methods,
  neurons: Neurons,
  grid: Grids,
  dictionary: Dictionary,
};

const TOO_OLD = "This browser is too old to explore the panel; the files for print below show it.";

function places(): NodeListOf<HTMLElement> {
  return document.querySelectorAll("[data-mount]");
}

async function start(): Promise<void> {
  enhanceGroups();
  keepViewOnLinks();
  const data = readData();
  if (!data) return;
  if (!("DecompressionStream" in window)) {
    for (const target of places()) target.textContent = TOO_OLD;
    return;
  }
  const page = await Page.of(data);
  followOpacity(page);
  for (const target of places()) {
    const panel = PANELS[target.dataset.mount ?? ""];
    if (!panel) continue;
    target.classList.add("explore");
    mount(panel, { target, context: within(page) });
  }
  followAddress(page);
}

void start();
