// What saved views of the panels of maps have in common.
import type { LayerIndex } from "../data/data";
import { number } from "../data/numbers";
import type { Scene } from "../saving/scene";
import { SOFT, legend } from "../saving/sheet";
import { type Explorer, type Shown, UNIT } from "./explorer.svelte";
import type { Maps } from "./maps";

export const GAP = 24;

/** Put one map with its name above and its scale below; returns where it ends. */
export function place(
  scene: Scene,
  explorer: Explorer,
  layer: LayerIndex,
  shown: Shown,
  at: { x: number; y: number; width: number },
  { title = "", note = "", outlined = true } = {},
): number {
  const { page } = explorer;
  const { name, rows, cols } = explorer.layer(layer);
  scene.line(at.x, at.y + 14, title || name, { bold: true, room: at.width * 0.68 });
  scene.line(at.x + at.width, at.y + 14, note || `${rows} × ${cols}`, {
    size: 11,
    colour: SOFT,
    anchor: "end",
    room: at.width * 0.3,
  });
  const below = { ...at, y: at.y + 22 };
  const bottom = scene.map(below, page.data.input, explorer.grid(layer), shown.pixels, page.opacity, {
    outlines: outlined ? explorer.outlines(layer) : [],
  });
  if (!shown.scale) return bottom + 6;
  gradient(scene, shown.scale, at.x, bottom + 8);
  return bottom + 24;
}

function gradient(scene: Scene, { palette, full }: NonNullable<Shown["scale"]>, x: number, y: number): void {
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

/** Put the colours that are on the sheet: of labels, and of compared cells. */
export function legends(scene: Scene, explorer: Explorer, maps: Maps): void {
  const named = ([0, 1] as const).map((layer) => explorer.shown(maps, layer).named);
  for (const [i, each] of named.entries()) {
    if (each.length > 0 && (i === 0 || each[0].name !== named[0][0]?.name)) legend(scene, each);
  }
}

/** What the colours mean, or what is said of the cell that is pointed at or pinned. */
export function footWords(explorer: Explorer, maps: Maps): string {
  if (explorer.source) return explorer.status(maps);
  const { firstName, secondName } = explorer.page;
  const second = secondName === null ? "" : `, blue supports ${secondName}`;
  return `Orange supports ${firstName}${second}; grey: no contribution.`;
}
