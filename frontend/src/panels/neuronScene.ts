// The panel of neuron groups as a picture of its own.
import { type Floats, descending } from "../data/arrays";
import { FIRST, type Pixels, SECOND } from "../data/colours";
import type { Picture } from "../data/data";
import type { Groups } from "../data/groups";
import { alone, together } from "../data/hues";
import { number, percent, signed } from "../data/numbers";
import type { Scene } from "../saving/scene";
import { INK, SOFT, begin, finish, legend } from "../saving/sheet";
import type { Page } from "../view/page.svelte";

const ACROSS = 3;
const GAP = 24;
const TOP = 3;
const BESIDE = 8;

export function neuronsScene(page: Page, groups: Groups, shown: number | null): Scene {
  const { facts, maps, grid, colours } = groups;
  const scene = begin(page, `Neuron groups of ${facts.layer}`);
  const { picture } = page.data;
  const width = (scene.inner - (ACROSS - 1) * GAP) / ACROSS;
  const height = (width * picture.rows) / picture.cols;
  const place = (pixels: Pixels, x: number, y: number, below: Picture, across = width) =>
    scene.map({ x, y, width: across }, below, grid, pixels, page.opacity);

  const top = scene.bottom + 6;
  scene.line(scene.margin, top + 12, shown === null ? "All groups" : `Group ${shown + 1} alone`, { bold: true });
  place(shown === null ? together(maps, colours) : alone(maps, colours, shown), scene.margin, top + 20, picture);
  for (const i of maps.keys()) {
    const y = top + 32 + 20 * i;
    const x = scene.margin + width + GAP;
    const names = groups.channels(i, 5).join(", ") || "none";
    scene.rect(x, y - 10, 11, 11, colours[i]);
    scene.line(x + 18, y, `Group ${i + 1}: magnitude ${facts.magnitude[i].toPrecision(3)}, channels ${names}`, {
      size: 12, room: scene.inner - width - GAP - 18,
    });
  }
  scene.bottom = Math.max(top + 20 + height, top + 32 + 20 * maps.length) + 12;

  for (let from = 0; from < maps.length; from += ACROSS) {
    const y = scene.bottom;
    const ends = maps.slice(from, from + ACROSS).map((_, k) => {
      const i = from + k;
      const x = scene.margin + k * (width + GAP);
      scene.rect(x, y + 2, 11, 11, colours[i]);
      scene.line(x + 18, y + 12, `Group ${i + 1}`, { bold: true });
      if (!groups.tiles) {
        place(alone(maps, colours, i), x, y + 20, page.dimmed);
        return effects(scene, page, groups.effects(i), x, y + 20 + height, width);
      }
      // What the group responds to stands beside its map.
      const across = (width - BESIDE) / 2;
      const at = { x: x + across + BESIDE, y: y + 20, width: across };
      const below = [
        place(alone(maps, colours, i), x, y + 20, page.dimmed, across),
        scene.map(at, groups.tiles.picture, null, null, 1, { part: groups.tiles.part(i) }),
      ];
      return effects(scene, page, groups.effects(i), x, Math.max(...below), width);
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
    `Effects in logits: of the chosen labels, and of the labels for and against which a group counts most. The groups leave ${percent(facts.relative_error)} of the norm of the activations unexplained.`,
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
    if (colour) scene.rect(x, y - 9, 9, 9, colour);
    scene.line(x + 15, y, page.labels.names[place], { size: 11, colour: colour ? INK : SOFT, room: width - 80 });
    scene.line(x + width, y, signed(number(values[place])), { size: 11, colour: SOFT, anchor: "end" });
  }
  return y + 8;
}
