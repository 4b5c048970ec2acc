// What a panel of maps shows at the moment: one place that the pictures, the words and the saved
// files all ask.
import { type Floats, cosine, descending, difference, largestSize, placeOfLargest, sum, sumOfSizes } from "../data/arrays";
import { CELL_A, CELL_B, FIRST, type Palette, type Pixels, SECOND, compared, hints, paint } from "../data/colours";
import type { Layer } from "../data/data";
import { Grid, type Outline } from "../data/grid";
import { type Maps, type Side, other } from "../data/maps";
import { cellWords, number, percent, ratio, signed } from "../data/numbers";
import type { Bar } from "../parts/Bars.svelte";
import type { Pinned } from "../view/fragment";
import type { Page } from "../view/page.svelte";

export const UNIT = "activation units";
const TOP = 5;
const COLOURS = [CELL_A, CELL_B];

export interface Shown {
  pixels: Pixels;
  words: string;
  /** For a map of one number: the palette, and the size that has its last colour. */
  scale: { palette: Palette; full: number } | null;
  named: { colour: string; name: string }[];
}

export class Explorer {
  constructor(readonly page: Page) {}

  layer(side: Side): Layer {
    return this.page.data.layers[side];
  }

  grid(side: Side): Grid {
    return Grid.of(this.layer(side));
  }

  cellOf(side: Side, cell: number): string {
    return cellWords(cell, this.layer(side).cols);
  }

  /** The cells whose attribution the other layer shows: one, or two that are compared. */
  get source(): Pinned | null {
    const { hovered, pinned } = this.page;
    if (!hovered) return pinned;
    // A cell pointed at in the answer to a kept one reads the number there and keeps the answer.
    return pinned && pinned.side !== hovered.side ? pinned : { side: hovered.side, cells: [hovered.cell] };
  }

  /** The map of the other layer for one cell, and the size that has the last colour. */
  private full(maps: Maps, values: Floats): number {
    return this.page.scale === "all" ? maps.full : largestSize(values);
  }

  shown(maps: Maps, side: Side): Shown {
    const source = this.source;
    if (!source || source.side === side) return this.hint(maps, side);
    const found = source.cells.map((cell) => maps.between(source.side, cell));
    if (found.length === 2) return this.both(source, found[0], found[1]);
    return this.one(found[0], side, this.full(maps, found[0]), this.words(source.side, source.cells[0], found[0]));
  }

  one(values: Floats, side: Side, full: number, words: string): Shown {
    const palette = this.page.colours;
    return {
      pixels: paint(values, palette, full),
      words: `${this.layer(side).name}: ${words}`,
      scale: { palette, full },
      named: [],
    };
  }

  private hint(maps: Maps, side: Side): Shown {
    const { page } = this;
    const first = maps.label(side, page.first);
    const second = page.second === null ? null : maps.label(side, page.second);
    const most = (values: Floats, name: string) =>
      `${name} most at ${this.cellOf(side, placeOfLargest(values))} (${number(Math.max(...values))} logit)`;
    const names = [most(first, `orange, ${page.firstName},`)];
    if (second) names.push(most(second, `blue, ${page.secondName},`));
    return {
      pixels: hints(first, second),
      words: `${this.layer(side).name}: ${names.join("; ")}`,
      scale: null,
      named: this.labels,
    };
  }

  get labels(): { colour: string; name: string }[] {
    const { firstName, secondName } = this.page;
    const first = { colour: FIRST, name: firstName };
    return secondName === null ? [first] : [first, { colour: SECOND, name: secondName }];
  }

  private both(source: Pinned, a: Floats, b: Floats): Shown {
    const side = other(source.side);
    const named = source.cells.map((cell, i) => ({ colour: COLOURS[i], name: this.cellOf(source.side, cell) }));
    return {
      pixels: compared(a, b),
      words: `${this.layer(side).name}: green for ${this.layer(source.side).name}, ${named[0].name}, most at ${this.cellOf(side, placeOfLargest(a))}; magenta for ${named[1].name}, most at ${this.cellOf(side, placeOfLargest(b))}; white for both`,
      scale: null,
      named: [...named, { colour: "#e4e4e4", name: "both" }],
    };
  }

  /** What a map says about one cell. */
  words(side: Side, cell: number, values: Floats): string {
    const best = placeOfLargest(values);
    const [own, far] = [this.layer(side).name, other(side)];
    const verb = side === 1 ? "is made most by" : "goes most to";
    return (
      `${own}, ${this.cellOf(side, cell)}, ${verb} ${this.layer(far).name}, ${this.cellOf(far, best)}: ` +
      `${number(values[best])} of ${number(sum(values))} ${UNIT} in sum`
    );
  }

  outlines(side: Side): Outline[] {
    const { hovered, pinned } = this.page;
    const kept = pinned?.side === side ? pinned.cells : [];
    const outlines: Outline[] = kept.map((cell, i) => ({ cell, colour: kept.length > 1 ? COLOURS[i] : "#ffd84d" }));
    if (hovered?.side === side && !kept.includes(hovered.cell)) {
      outlines.push({ cell: hovered.cell, colour: "#ffffff" });
    }
    return outlines;
  }

  /** One sentence about what is pointed at or kept, for the first of the maps. */
  status(maps: Maps): string {
    const { page, source } = this;
    if (!source) return "Point at a cell to see what it has to do with the other layer; press to keep it.";
    const { hovered } = page;
    if (hovered && hovered.side !== source.side) return this.reading(maps, source, hovered.cell);
    if (source.cells.length === 1) {
      const kept = page.pinned?.side === source.side && page.pinned.cells.includes(source.cells[0]);
      return `${this.words(source.side, source.cells[0], maps.between(source.side, source.cells[0]))}.${kept ? " Kept: press another cell to compare." : ""}`;
    }
    const [a, b] = source.cells.map((cell) => maps.between(source.side, cell));
    return `${this.layer(source.side).name}: ${source.cells.map((cell) => this.cellOf(source.side, cell)).join(" against ")}; cosine of both maps ${ratio(cosine(a, b))}.`;
  }

  /** The number at a cell of the answer to the cells kept. */
  private reading(maps: Maps, source: Pinned, cell: number): string {
    const side = other(source.side);
    const numbers = source.cells.map((kept) => {
      const values = maps.between(source.side, kept);
      const share = Math.abs(values[cell]) / (sumOfSizes(values) || 1);
      return `${signed(number(values[cell]))} (${percent(share)}) ${source.side === 1 ? "to" : "from"} ${this.cellOf(source.side, kept)}`;
    });
    return `${this.layer(side).name}, ${this.cellOf(side, cell)}: ${numbers.join("; ")}, in ${UNIT} (share of all sizes).`;
  }

  /** The cell that is looked at: pointed at, the last one kept, or where the first label is strongest. */
  focus(maps: Maps): { side: Side; cell: number; atRest: boolean } {
    const { hovered, pinned } = this.page;
    if (hovered) return { ...hovered, atRest: false };
    if (pinned) return { side: pinned.side, cell: pinned.cells.at(-1) ?? 0, atRest: false };
    return { side: 1, cell: placeOfLargest(maps.label(1, this.page.first)), atRest: true };
  }

  /** The labels that a cell speaks for most, and the two chosen ones. */
  top(maps: Maps, side: Side, cell: number): Bar[] {
    const { page } = this;
    const values = maps.labelsAt(side, cell);
    const colour = (place: number) => (place === page.first ? FIRST : place === page.second ? SECOND : undefined);
    const best = descending(values).slice(0, TOP).filter((place) => values[place] > 0);
    const chosen = [page.first, page.second].filter((place) => place !== null && !best.includes(place)) as number[];
    return [
      ...best.map((place) => ({ name: page.labels.names[place], value: values[place], colour: colour(place) })),
      ...[...new Set(chosen)].map((place, i) => ({
        name: page.labels.names[place],
        value: values[place],
        colour: colour(place),
        apart: i === 0,
      })),
    ];
  }

  /** Two compared cells: their maps, the difference, and their numbers. */
  comparison(maps: Maps): Comparison | null {
    const { pinned } = this.page;
    if (pinned?.cells.length !== 2) return null;
    const side = other(pinned.side);
    const [a, b] = pinned.cells.map((cell) => maps.between(pinned.side, cell));
    const own = Math.max(largestSize(a), largestSize(b));
    const full = this.page.scale === "all" ? maps.full : own;
    const names = pinned.cells.map((cell) => this.cellOf(pinned.side, cell));
    const parts = [
      { title: names[0], colour: CELL_A, values: a },
      { title: names[1], colour: CELL_B, values: b },
      { title: "first \u2212 second", colour: null, values: difference(a, b) },
    ];
    return {
      side,
      cosine: cosine(a, b),
      full,
      parts: parts.map((part) => ({
        ...part,
        shown: this.one(part.values, side, full, `${part.title}, most at ${this.cellOf(side, placeOfLargest(part.values))}`),
        sum: sum(part.values),
        largest: Math.max(...part.values),
        at: this.cellOf(side, placeOfLargest(part.values)),
      })),
    };
  }
}

export interface Comparison {
  side: Side;
  cosine: number;
  full: number;
  parts: {
    title: string;
    colour: string | null;
    values: Floats;
    shown: Shown;
    sum: number;
    largest: number;
    at: string;
  }[];
}
