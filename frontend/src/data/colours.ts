// From numbers to colours, by the same rules as figures/colour.py and figures/palettes.py; tests in
// tests/browser compare both.
import { type Floats, fromBase64, largestAbs } from "./arrays";
import type { PackedPalette } from "./data";

export type Pixels = Uint8ClampedArray<ArrayBuffer>;

export const FIRST = "#e66101";
export const SECOND = "#0571b0";
/** Two compared cells: green and magenta add up to white, and every kind of vision tells them apart. */
export const CELL_A = "#3fae4b";
export const CELL_B = "#c152c8";
/** Outlines: of what is pinned, of what is pointed at. */
export const PINNED = "#ffd84d";
export const POINTED = "#ffffff";
/** Bars of channels above and below zero, in saved files. */
export const ABOVE = "#5f8a1c";
export const BELOW = "#8337b4";

const STEPS = 127; // colours on either side of zero
const NEUTRAL = 0.3; // grey where nothing is
const REACH = 1.5; // the largest value before clipping
const FLOOR = 0.01; // keeps an empty map finite

export interface Palette {
  name: string;
  words: string;
  signed: boolean;
  /** 255 colours, rgb; entry 127 is zero. */
  table: Uint8Array;
}

export function readPalette({ name, words, signed, table }: PackedPalette): Palette {
  return { name, words, signed, table: fromBase64(table) };
}

/** Colour a map of one number; `full` is the absolute value that gets the last colour. */
export function paint(values: Floats, palette: Palette, full = largestAbs(values)): Pixels {
  const pixels = new Uint8ClampedArray(4 * values.length);
  for (const [i, value] of values.entries()) {
    const share = full > 0 ? Math.max(-1, Math.min(1, value / full)) : 0;
    const entry = 3 * (STEPS + Math.round(share * STEPS));
    pixels.set(palette.table.subarray(entry, entry + 3), 4 * i);
    pixels[4 * i + 3] = 255;
  }
  return pixels;
}

/** Colours of a palette from its lower to its upper end, for a legend. */
export function gradient(palette: Palette): string {
  const first = palette.signed ? 0 : STEPS;
  const stops = Array.from({ length: 17 }, (_, i) => {
    const entry = Math.round(first + (i / 16) * (2 * STEPS - first));
    return `rgb(${palette.table.subarray(3 * entry, 3 * entry + 3).join(" ")})`;
  });
  return `linear-gradient(to right, ${stops.join(", ")})`;
}

/** Orange for what supports the first label, blue for the second; neutral grey for nothing. */
export function twoLabels(first: Floats, second: Floats | null): Pixels {
  return mixed(first, second, (a, b) => [a, (a + b) / 2, b]);
}

/** Green for the first of two compared cells, magenta for the second, white for both. */
export function compared(first: Floats, second: Floats): Pixels {
  const full = Math.max(largestAbs(first), largestAbs(second)) || 1;
  const share = (values: Floats) => values.map((value) => value / full);
  return mixed(share(first), share(second), (a, b) => [b, a, b]);
}

function mixed(
  first: Floats,
  second: Floats | null,
  mix: (a: number, b: number) => [number, number, number],
): Pixels {
  const colours = Array.from(first, (a, i) => mix(Math.max(a, 0), Math.max(second?.[i] ?? 0, 0)));
  const most = colours.reduce((m, [r, g, b]) => Math.max(m, r, g, b), 0);
  const scale = FLOOR + most / REACH;
  const pixels = new Uint8ClampedArray(4 * first.length);
  for (const [i, colour] of colours.entries()) {
    for (const [band, value] of colour.entries()) {
      // Bytes are cut, not rounded.
      pixels[4 * i + band] = Math.floor(Math.min(1, value / scale + NEUTRAL) * 255);
    }
    pixels[4 * i + 3] = 255;
  }
  return pixels;
}
