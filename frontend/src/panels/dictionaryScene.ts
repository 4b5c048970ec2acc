// The semantic dictionary at one position as a picture of its own.
import type { Active } from "../data/active";
import type { Floats } from "../data/arrays";
import type { Block } from "../data/grid";
import { number } from "../data/numbers";
import type { Scene } from "../saving/scene";
import { SOFT, begin, finish } from "../saving/sheet";
import type { Page } from "../view/page.svelte";
import { activeMap, tile } from "./channelScenes";
import { blockWords, outlinesOn } from "./spots";

const GAP = 24;
const BAR = "#8a8d91";

interface Looked {
  field: number;
  block: Block;
  values: Floats;
  strongest: readonly number[];
  /** The channel whose activations are shown. */
  channel: number;
}

export function dictionaryScene(page: Page, active: Active, { field, block, values, strongest, channel }: Looked): Scene {
  const scene = begin(page, `Semantic dictionary of ${active.layer}`);
  const { picture } = page.data;
  const outlines = outlinesOn(page, field);
  const width = 260;
  const top = scene.bottom + 6;
  const left = scene.margin + width + GAP;
  scene.line(scene.margin, top + 14, "Input", { bold: true });
  const input = scene.map({ x: scene.margin, y: top + 22, width }, picture, active.grid, null, 1, { outlines });
  scene.line(left, top + 14, `Channel ${channel}`, { bold: true });
  const map = activeMap(scene, page, active, channel, { x: left, y: top + 22, width }, outlines);
  scene.line(left, map + 15, `yellow or white: activation ${number(Math.max(...active.of(channel)))}`, { size: 11, colour: SOFT });

  const start = left + width + GAP;
  const each = (scene.margin + scene.inner - start - 3 * 8) / 4;
  scene.line(start, top + 14, blockWords(block, active.grid), { bold: true });
  let [y, end] = [top + 22, top + 22];
  for (const [i, number] of strongest.entries()) {
    if (i > 0 && i % 4 === 0) y = end + 6;
    const at = { x: start + (i % 4) * (each + 8), y, width: each };
    end = tile(scene, page, active, number, values[number], active.largest, at, false, { sign: false, colour: BAR });
  }
  scene.bottom = Math.max(input, map + 22, end) + 8;
  const mean = active.grid.inside(block).length > 1 ? ", the mean of the positions outlined" : "";
  const pictures = active.sprites ? "what a channel responds to" : "where a channel is active, on its own scale";
  return finish(
    page,
    scene,
    `Strongest channels at the position outlined: ${pictures}; its number and activation${mean}. Bars are full at the layer's largest activation, ${number(active.largest)}.`,
    { gradient: false },
  );
}
