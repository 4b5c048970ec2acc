// What saved views of the panels of channels have in common.
import { type Floats, descending } from "../data/arrays";
import { ABOVE, BELOW, paint } from "../data/colours";
import type { Outline } from "../data/grid";
import { number, signed } from "../data/numbers";
import type { Scene } from "../saving/scene";
import { INK, SOFT } from "../saving/sheet";
import type { Page } from "../view/page.svelte";
import type { Activations } from "./activations";

export const GAP = 6;
const BROAD = 80; // a tile that has room for its number and its value on one line

export const foot = (unit: string): string =>
  "Thin bars: every channel, the largest value first. Tiles: where a channel is active, on its own scale, or " +
  "its sprite or exemplars; below it, if shown, the part of the input around its largest activation. " +
  `Values in ${unit}s.`;

interface Place {
  x: number;
  y: number;
  width: number;
}

/** Thin bars of all channels, the largest value first; returns where they end. */
export function distribution(
  scene: Scene,
  values: Floats,
  extent: [number, number],
  at: Place,
  height: number,
): number {
  const order = descending(values);
  const range = extent[1] - extent[0] || 1;
  const zero = at.y + (extent[1] / range) * height;
  const step = at.width / order.length;
  for (const [i, channel] of order.entries()) {
    const tall = (Math.abs(values[channel]) / range) * height;
    if (tall === 0) continue;
    const up = values[channel] > 0;
    const y = up ? zero - tall : zero;
    scene.rect(at.x + i * step, y, Math.max(step * 0.96, 0.3), tall, up ? ABOVE : BELOW);
  }
  scene.rect(at.x, zero - 0.3, at.width, 0.6, INK);
  return at.y + height;
}

/** Where a channel is active; returns where the map ends. */
export function activationMap(
  scene: Scene,
  page: Page,
  channels: Activations,
  channel: number,
  at: Place,
  outlines: Outline[] = [],
): number {
  const pixels = paint(channels.of(channel), page.unsignedColours);
  return scene.map(at, channels.dimmed, channels.grid, pixels, page.opacity, { outlines });
}

/** A channel's pictures, or else where it is active; returns where they end. */
function imageOf(scene: Scene, page: Page, channels: Activations, channel: number, at: Place): number {
  const pictures = channels.pictures.of(channel);
  if (pictures.length === 0) return activationMap(scene, page, channels, channel, at);
  let y = at.y - 3;
  for (const { image, box: part } of pictures) {
    y = scene.map({ ...at, y: y + 3 }, image, null, null, 1, { part });
  }
  return y;
}

/** A channel with its number and value; returns where it ends. */
export function tile(
  scene: Scene,
  page: Page,
  channels: Activations,
  channel: number,
  value: number,
  full: number,
  at: Place,
  { crop = false, sign = true, colour = value < 0 ? BELOW : ABOVE } = {},
): number {
  let y = imageOf(scene, page, channels, channel, at);
  if (crop) {
    const part = channels.peak(channel);
    y = scene.map({ ...at, y: y + 3 }, channels.input, null, null, 1, { part });
  }
  scene.line(at.x, y + 14, String(channel), { size: 11, bold: true });
  if (at.width < BROAD) y += 13;
  const text = sign ? signed(number(value)) : number(value);
  scene.line(at.x + at.width, y + 14, text, { size: 11, colour: SOFT, anchor: "end" });
  const share = full > 0 ? Math.min(1, Math.abs(value) / full) : 0;
  scene.rect(at.x, y + 18, share * at.width, 4, colour);
  return y + 26;
}
