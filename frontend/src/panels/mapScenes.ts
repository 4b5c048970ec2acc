// The panels of maps as pictures of their own.
import { type Maps, type Side } from "../data/maps";
import { number } from "../data/numbers";
import type { Scene } from "../saving/scene";
import { SOFT, begin, finish, legend } from "../saving/sheet";
import { type Explorer, type Shown, UNIT } from "./explorer.svelte";

const GAP = 24;

/** Put one map with its name above and its scale below; returns where it ends. */
function place(
  scene: Scene,
  explorer: Explorer,
  side: Side,
  shown: Shown,
  at: { x: number; y: number; width: number },
  { title = "", note = "", outlined = true } = {},
): number {
  const layer = explorer.layer(side);
  scene.line(at.x, at.y + 14, title || layer.name, { bold: true, room: at.width * 0.68 });
  scene.line(at.x + at.width, at.y + 14, note || `${layer.rows} × ${layer.cols}`, {
    size: 11, colour: SOFT, anchor: "end", room: at.width * 0.3,
  });
  const { page } = explorer;
  const bottom = scene.map({ ...at, y: at.y + 22 }, page.data.picture, explorer.grid(side), shown.pixels, page.opacity, {
    outlines: outlined ? explorer.outlines(side) : [],
  });
  if (!shown.scale) return bottom + 6;
  gradient(scene, shown, at.x, bottom + 8);
  return bottom + 24;
}

function gradient(scene: Scene, { scale }: Shown, x: number, y: number): void {
  if (!scale) return;
  const { palette, full } = scale;
  const [first, steps] = [palette.signed ? 0 : 127, 64];
  const low = palette.signed ? number(-full) : "0";
  scene.line(x, y + 9, low, { size: 11, colour: SOFT });
  for (let i = 0; i < steps; i++) {
    const entry = 3 * Math.round(first + (i / (steps - 1)) * (254 - first));
    const fill = `rgb(${palette.table.subarray(entry, entry + 3).join(",")})`;
    scene.rect(x + 48 + 1.6 * i, y, 1.8, 9, fill);
  }
  scene.line(x + 54 + 1.6 * steps, y + 9, `${number(full)} ${UNIT}`, { size: 11, colour: SOFT });
}

export function spatialScene(explorer: Explorer, maps: Maps): Scene {
  const { page } = explorer;
  const scene = begin(page, "Spatial attribution");
  const width = (scene.inner - GAP) / 2;
  const sides: Side[] = [0, 1];
  const ends = sides.map((side) =>
    place(scene, explorer, side, explorer.shown(maps, side), {
      x: scene.margin + side * (width + GAP), y: scene.bottom, width,
    }),
  );
  scene.bottom = Math.max(...ends);
  legends(scene, explorer, [maps]);
  const found = explorer.comparison(maps);
  if (found) {
    const third = (scene.inner - 2 * GAP) / 3;
    const lower = found.parts.map((part, i) =>
      place(scene, explorer, found.side, part.shown, {
        x: scene.margin + i * (third + GAP), y: scene.bottom + 6, width: third,
      }, { title: part.title, note: `sum ${number(part.sum)}`, outlined: false }),
    );
    scene.bottom = Math.max(...lower);
  }
  labels(scene, explorer, maps);
  return finish(page, scene, explorer.source ? explorer.status(maps) : restWords(explorer));
}

export function overridesScene(explorer: Explorer): Scene {
  const { page } = explorer;
  const scene = begin(page, "Gradient overrides");
  const width = (scene.inner - GAP * (page.maps.length - 1)) / page.maps.length;
  for (const side of [0, 1] as Side[]) {
    const ends = page.maps.map((maps, i) =>
      place(scene, explorer, side, explorer.shown(maps, side), {
        x: scene.margin + i * (width + GAP), y: scene.bottom, width,
      }, { title: `${maps.override}, ${explorer.layer(side).name}` }),
    );
    scene.bottom = Math.max(...ends);
  }
  legends(scene, explorer, page.maps);
  const words = explorer.source ? explorer.status(page.maps[0]) : restWords(explorer);
  return finish(page, scene, words, { gradient: false });
}

/** The colours that are on the sheet: of labels, and of compared cells. */
function legends(scene: Scene, explorer: Explorer, maps: readonly Maps[]): void {
  const named = ([0, 1] as Side[]).map((side) => explorer.shown(maps[0], side).named);
  for (const each of named.filter((list, i) => list.length > 0 && (i === 0 || list[0].name !== named[0][0]?.name))) {
    legend(scene, each);
  }
}

function restWords({ page }: Explorer): string {
  const second = page.secondName === null ? "" : `, blue for ${page.secondName}`;
  return `Orange speaks for ${page.firstName}${second}; grey is nothing.`;
}

/** The labels of the cell that is looked at, with bars. */
function labels(scene: Scene, explorer: Explorer, maps: Maps): void {
  const focus = explorer.focus(maps);
  const full = maps.largestLabel(focus.side);
  scene.bottom += 8;
  const why = focus.atRest ? ", where the first label is strongest," : "";
  scene.paragraph(
    `${explorer.layer(focus.side).name}, ${explorer.cellOf(focus.side, focus.cell)}${why} speaks most for (logits)`,
    { size: 12, bold: true, colour: "#1b1b1d" },
  );
  for (const { name, value, colour } of explorer.top(maps, focus.side, focus.cell)) {
    const [x, y] = [scene.margin, scene.bottom];
    scene.line(x, y + 12, name, { size: 12, room: 290 });
    scene.rect(x + 300, y + 3, (Math.abs(value) / (full || 1)) * 260, 10, colour ?? "#8a8d91");
    scene.line(x + 640, y + 12, number(value), { size: 12, colour: SOFT, anchor: "end" });
    scene.bottom += 17;
  }
}

