// The activation grids as a picture of their own.
import type { Square } from "../data/channels";
import type { Picture } from "../data/data";
import { type Grid, type Outline } from "../data/grid";
import type { Scene } from "../saving/scene";
import { SOFT, begin, finish } from "../saving/sheet";
import type { Page } from "../view/page.svelte";
import { blockOf, blockWords, lookedWords, outlinesOn } from "./spots";

const GAP = 24;
const MOST = 3; // pictures side by side
const ENLARGED = 110;

interface Shown {
  title: string;
  note: string;
  picture: Picture;
  grid: Grid;
  outlines: Outline[];
  enlarged: { picture: Picture; part: Square };
  words: string[];
}

export function gridsScene(page: Page): Scene {
  const scene = begin(page, "Activation grids");
  const { data, looked } = page;
  const { grid } = page.fields[looked.field];
  const { picture } = data;
  const box = grid.box(looked.cell);
  const part = {
    x: box.left * picture.cols, y: box.top * picture.rows, width: box.width * picture.cols, height: box.height * picture.rows,
  };
  const input: Shown = {
    title: "Input", note: `${picture.rows} × ${picture.cols} px`, picture, grid, outlines: outlinesOn(page, null),
    enlarged: { picture, part }, words: ["covered by the position"],
  };
  const layers = page.grids.map((cells, field): Shown => {
    const block = blockOf(page, looked, field);
    return {
      title: cells.layer,
      note: `${cells.grid.rows} × ${cells.grid.cols}`,
      picture: cells.picture(page.sized),
      grid: cells.grid,
      outlines: outlinesOn(page, field),
      enlarged: { picture: cells.picture(false), part: cells.part(block.cell, block.to) },
      words: [blockWords(block, cells.grid), cells.lengths(block)],
    };
  });
  const all = [input, ...layers];
  const across = Math.min(MOST, all.length);
  const width = (scene.inner - (across - 1) * GAP) / across;
  for (let from = 0; from < all.length; from += across) {
    const ends = all.slice(from, from + across).map((shown, i) => place(scene, shown, scene.margin + i * (width + GAP), width));
    scene.bottom = Math.max(...ends) + 10;
  }
  const sized = page.sized ? " The sides of a cell are in proportion to the length of its activation vector." : "";
  return finish(
    page,
    scene,
    `A cell is rendered so that the layer responds to it as to the input at this position. Outlined, and enlarged below: ${lookedWords(page)}.${sized}`,
    { gradient: false },
  );
}

function place(scene: Scene, shown: Shown, x: number, width: number): number {
  const { title, note, picture, grid, outlines, enlarged, words } = shown;
  const y = scene.bottom + 6;
  scene.line(x, y + 14, title, { bold: true, room: width * 0.6 });
  scene.line(x + width, y + 14, note, { size: 11, colour: SOFT, anchor: "end" });
  const end = scene.map({ x, y: y + 22, width }, picture, grid, null, 1, { outlines }) + 10;
  const bottom = scene.map({ x, y: end, width: ENLARGED }, enlarged.picture, null, null, 1, { part: enlarged.part });
  for (const [i, line] of words.entries()) {
    scene.line(x + ENLARGED + 10, end + 12 + 16 * i, line, { size: 11, colour: SOFT, room: width - ENLARGED - 10 });
  }
  return bottom;
}
