// The panel of neuron groups as a picture of its own.
import { type Floats, type Tensor, descending } from "../data/arrays";
import { FIRST, type Pixels, SECOND } from "../data/colours";
import type { NeuronGroups, Picture } from "../data/data";
import { Grid } from "../data/grid";
import { alone, together } from "../data/hues";
import { number, percent, signed } from "../data/numbers";
import type { Scene } from "../saving/scene";
import { INK, SOFT, begin, finish, legend } from "../saving/sheet";
import type { Page } from "../view/page.svelte";

const ACROSS = 3;
const GAP = 24;
const TOP = 3;

export function neuronsScene(
  page: Page,
  groups: NeuronGroups,
  maps: readonly Floats[],
  effect: Tensor,
  shown: number | null,
): Scene {
  const scene = begin(page, `Neuron groups of ${groups.layer}`);
  const grid = new Grid(groups.spatial.shape[1], groups.spatial.shape[2]);
  const { picture } = page.data;
  const width = (scene.inner - (ACROSS - 1) * GAP) / ACROSS;
  const height = (width * picture.rows) / picture.cols;
  const place = (pixels: Pixels, x: number, y: number, below: Picture) =>
    scene.add({
      kind: "map", x, y, width, height, picture: below, grid, pixels, opacity: page.opacity, outlines: [],
    });

  const top = scene.bottom + 6;
  scene.line(scene.margin, top + 12, shown === null ? "All groups" : `Group ${shown + 1} alone`, { bold: true });
  place(shown === null ? together(maps, groups.colours) : alone(maps, groups.colours, shown), scene.margin, top + 20, picture);
  for (const i of maps.keys()) {
    const y = top + 32 + 20 * i;
    const x = scene.margin + width + GAP;
    const names = groups.channels.channel[i].slice(0, 5).join(", ");
    scene.add({ kind: "rect", x, y: y - 10, width: 11, height: 11, fill: groups.colours[i] });
    scene.line(x + 18, y, `Group ${i + 1}: magnitude ${groups.magnitude[i].toPrecision(3)}, channels ${names}`, {
      size: 12, room: scene.inner - width - GAP - 18,
    });
  }
  scene.bottom = Math.max(top + 20 + height, top + 32 + 20 * maps.length) + 12;

  for (let from = 0; from < maps.length; from += ACROSS) {
    const y = scene.bottom;
    const ends = maps.slice(from, from + ACROSS).map((_, k) => {
      const i = from + k;
      const x = scene.margin + k * (width + GAP);
      scene.add({ kind: "rect", x, y: y + 2, width: 11, height: 11, fill: groups.colours[i] });
      scene.line(x + 18, y + 12, `Group ${i + 1}`, { bold: true });
      place(alone(maps, groups.colours, i), x, y + 20, page.dimmed);
      return effects(scene, page, effect.at(i), x, y + 20 + height, width);
    });
    scene.bottom = Math.max(...ends) + 10;
  }
  legend(
    scene,
    [
      { colour: FIRST, name: page.firstName },
      ...(page.secondName === null ? [] : [{ colour: SECOND, name: page.secondName }]),
    ],
  );
  return finish(
    page,
    scene,
    `Effects in logits: of the chosen labels, and of the labels for and against which a group counts most. The groups leave ${percent(groups.relative_error)} of the norm of the activations unexplained.`,
  );
}


/** The effects of a group as lines of text; returns where they end. */
function effects(scene: Scene, page: Page, values: Floats, x: number, top: number, width: number): number {
  const order = descending(values);
  const chosen = [page.first, page.second].filter((place) => place !== null) as number[];
  const lines = [
    ...chosen.map((place) => ({ place, colour: place === page.first ? FIRST : SECOND })),
    ...order.slice(0, TOP).map((place) => ({ place, colour: null })),
    ...order.slice(-TOP).reverse().map((place) => ({ place, colour: null })),
  ];
  let y = top + 6;
  for (const { place, colour } of lines) {
    y += 16;
    if (colour) scene.add({ kind: "rect", x, y: y - 9, width: 9, height: 9, fill: colour });
    scene.line(x + 15, y, page.labels.names[place], { size: 11, colour: colour ? INK : SOFT, room: width - 80 });
    scene.line(x + width, y, signed(number(values[place])), { size: 11, colour: SOFT, anchor: "end" });
  }
  return y + 8;
}
