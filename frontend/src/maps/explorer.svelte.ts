// What the panels of maps show at the moment: the one source of their maps, texts and saved files.
import {
  type Floats,
  cosine,
  descending,
  difference,
  largestAbs,
  placeOfLargest,
  sum,
  sumOfAbs,
} from "../data/arrays";
import {
  CELL_A,
  CELL_B,
  FIRST,
  PINNED,
  POINTED,
  type Palette,
  type Pixels,
  SECOND,
  compared,
  paint,
  twoLabels,
} from "../data/colours";
import type { Layer, LayerIndex } from "../data/data";
import { Grid, type Outline } from "../data/grid";
import { cellWords, number, percent, ratio, signed } from "../data/numbers";
import type { Bar } from "../parts/Bars.svelte";
import { type ViewPart, layerIndex, whole } from "../view/fragment";
import type { Page } from "../view/page.svelte";
import { shared } from "../view/panels";
import { Maps, type PackedMaps, otherLayer } from "./maps";

export const UNIT = "activation units";
const TOP = 5;
const MOST_CELLS = 2;
const COLOURS = [CELL_A, CELL_B];

export type Scale = "own" | "all";

/** One cell that is pinned, or two that are compared. */
export interface Pinned {
  layer: LayerIndex;
  cells: number[];
}

export interface Shown {
  pixels: Pixels;
  words: string;
  /** For a map of one number: the palette, and the absolute value that gets its last colour. */
  scale: { palette: Palette; full: number } | null;
  named: { colour: string; name: string }[];
}

export class Explorer implements ViewPart {
  scale = $state<Scale>("own");
  pinned = $state<Pinned | null>(null);
  /** The cell pointed at, in every panel of maps. */
  hovered = $state<{ layer: LayerIndex; cell: number } | null>(null);

  constructor(
    readonly page: Page,
    private readonly all: Readonly<Record<string, Maps>>,
  ) {}

  /** The maps under one gradient. */
  maps(override: string): Maps {
    return this.all[override];
  }

  entries(): [string, string][] {
    const entries: [string, string][] = [];
    if (this.scale !== "own") entries.push(["scale", this.scale]);
    if (this.pinned) entries.push(["cells", `${this.pinned.layer + 1}:${this.pinned.cells.join(",")}`]);
    return entries;
  }

  read(parameters: URLSearchParams): void {
    this.scale = parameters.get("scale") === "all" ? "all" : "own";
    const [at, list] = (parameters.get("cells") ?? "").split(":");
    const layer = layerIndex(at);
    this.pinned = null;
    if (layer === null || !list) return;
    const cells = list.split(",").map((text) => whole(text, this.layer(layer).rows * this.layer(layer).cols));
    if (cells.length > MOST_CELLS || cells.includes(null)) return;
    this.pinned = { layer, cells: cells.filter((cell, i) => cells.indexOf(cell) === i) as number[] };
  }

  /** Pin a cell, unpin it, or compare it with the one pinned before. */
  press(layer: LayerIndex, cell: number): void {
    const cells = this.pinned?.layer === layer ? this.pinned.cells : [];
    const next = cells.includes(cell)
      ? cells.filter((other) => other !== cell)
      : [...cells.slice(0, 1), cell];
    this.pinned = next.length > 0 ? { layer, cells: next } : null;
  }

  unpin(): void {
    this.pinned = null;
  }

  layer(layer: LayerIndex): Layer {
    return this.page.data.layers[layer];
  }

  grid(layer: LayerIndex): Grid {
    return Grid.of(this.layer(layer));
  }

  cellOf(layer: LayerIndex, cell: number): string {
    return cellWords(cell, this.layer(layer).cols);
  }

  /** Says where a cell of the page is more than one position of its layer; empty where none is. */
  get pooledWords(): string {
    return this.page.data.layers
      .filter((layer) => layer.pooled > 1)
      .map(({ name, pooled }) => `Each cell of ${name} is the sum of ${pooled} × ${pooled} positions.`)
      .join(" ");
  }

  /** The cells whose attribution the other layer shows: one, or two that are compared. */
  get source(): Pinned | null {
    const { hovered, pinned } = this;
    if (!hovered) return pinned;
    // Pointing at the map that answers a pinned cell reads a number there and leaves the map.
    return pinned && pinned.layer !== hovered.layer
      ? pinned
      : { layer: hovered.layer, cells: [hovered.cell] };
  }

  /** The absolute value that gets the last colour of a map. */
  private full(maps: Maps, values: Floats): number {
    return this.scale === "all" ? maps.full : largestAbs(values);
  }

  shown(maps: Maps, layer: LayerIndex): Shown {
    const source = this.source;
    if (!source || source.layer === layer) return this.labelMap(maps, layer);
    const found = source.cells.map((cell) => maps.between(source.layer, cell));
    if (found.length === 2) return this.both(source, found[0], found[1]);
    const words = this.words(source.layer, source.cells[0], found[0]);
    return this.one(found[0], layer, this.full(maps, found[0]), words);
  }

  private one(values: Floats, layer: LayerIndex, full: number, words: string): Shown {
    const palette = this.page.colours;
    return {
      pixels: paint(values, palette, full),
      words: `${this.layer(layer).name}: ${words}`,
      scale: { palette, full },
      named: [],
    };
  }

  private labelMap(maps: Maps, layer: LayerIndex): Shown {
    const { page } = this;
    const first = maps.label(layer, page.first);
    const second = page.second === null ? null : maps.label(layer, page.second);
    const most = (values: Floats, name: string) =>
      `${name} largest at ${this.cellOf(layer, placeOfLargest(values))} (${number(Math.max(...values))} ${page.labels.unit})`;
    const names = [most(first, `orange, ${page.firstName},`)];
    if (second) names.push(most(second, `blue, ${page.secondName},`));
    return {
      pixels: twoLabels(first, second),
      words: `${this.layer(layer).name}: ${names.join("; ")}`,
      scale: null,
      named: this.labels,
    };
  }

  private get labels(): { colour: string; name: string }[] {
    const { firstName, secondName } = this.page;
    const first = { colour: FIRST, name: firstName };
    return secondName === null ? [first] : [first, { colour: SECOND, name: secondName }];
  }

  private both(source: Pinned, a: Floats, b: Floats): Shown {
    const layer = otherLayer(source.layer);
    const named = source.cells.map((cell, i) => ({
      colour: COLOURS[i],
      name: this.cellOf(source.layer, cell),
    }));
    const largest = (values: Floats) => `largest at ${this.cellOf(layer, placeOfLargest(values))}`;
    return {
      pixels: compared(a, b),
      words:
        `${this.layer(layer).name}: green for ${this.layer(source.layer).name}, ${named[0].name}, ` +
        `${largest(a)}; magenta for ${named[1].name}, ${largest(b)}; white for both`,
      scale: null,
      named: [...named, { colour: "#e4e4e4", name: "both" }],
    };
  }

  /** The attribution between one cell and the other layer, in words. */
  private words(layer: LayerIndex, cell: number, values: Floats): string {
    const best = placeOfLargest(values);
    const other = otherLayer(layer);
    const verb = layer === 1 ? "gets most from" : "contributes most to";
    return (
      `${this.layer(layer).name}, ${this.cellOf(layer, cell)}, ${verb} ` +
      `${this.layer(other).name}, ${this.cellOf(other, best)}: ` +
      `${number(values[best])} of ${number(sum(values))} ${UNIT} in total`
    );
  }

  outlines(layer: LayerIndex): Outline[] {
    const { hovered, pinned } = this;
    const cells = pinned?.layer === layer ? pinned.cells : [];
    const outlines = cells.map((cell, i): Outline => ({
      cell,
      colour: cells.length > 1 ? COLOURS[i] : PINNED,
    }));
    if (hovered?.layer === layer && !cells.includes(hovered.cell)) {
      outlines.push({ cell: hovered.cell, colour: POINTED });
    }
    return outlines;
  }

  /** One sentence about what is pointed at or pinned, for the first of the maps. */
  status(maps: Maps): string {
    const { hovered, source } = this;
    if (!source) return "Hover over a cell to see its attribution in the other layer; click to pin it.";
    if (hovered && hovered.layer !== source.layer) return this.reading(maps, source, hovered.cell);
    const found = source.cells.map((cell) => maps.between(source.layer, cell));
    if (source.cells.length === 1) {
      const pinned = this.pinned?.layer === source.layer && this.pinned.cells.includes(source.cells[0]);
      const hint = pinned ? " Pinned: click another cell to compare." : "";
      return `${this.words(source.layer, source.cells[0], found[0])}.${hint}`;
    }
    const names = source.cells.map((cell) => this.cellOf(source.layer, cell)).join(" and ");
    const likeness = ratio(cosine(found[0], found[1]));
    return `${this.layer(source.layer).name}: ${names} compared; cosine similarity of their maps ${likeness}.`;
  }

  /** The number at a cell of the map that answers the pinned cells. */
  private reading(maps: Maps, source: Pinned, cell: number): string {
    const layer = otherLayer(source.layer);
    const numbers = source.cells.map((pinned) => {
      const values = maps.between(source.layer, pinned);
      const share = percent(Math.abs(values[cell]) / (sumOfAbs(values) || 1));
      const direction = source.layer === 1 ? "to" : "from";
      return `${signed(number(values[cell]))} (${share}) ${direction} ${this.cellOf(source.layer, pinned)}`;
    });
    return (
      `${this.layer(layer).name}, ${this.cellOf(layer, cell)}: ${numbers.join("; ")}, ` +
      `in ${UNIT} (share of the sum of absolute values).`
    );
  }

  /** The cell in focus: pointed at, pinned last, or where the first label is strongest; and in words why. */
  focus(maps: Maps): { layer: LayerIndex; cell: number; why: string } {
    const { hovered, pinned } = this;
    if (hovered) return { ...hovered, why: "" };
    if (pinned) return { layer: pinned.layer, cell: pinned.cells.at(-1) ?? 0, why: "" };
    const values = maps.label(1, this.page.first);
    const cell = placeOfLargest(values);
    const why =
      values[cell] > 0 ? "where the first label is strongest" : "no position supports the first label";
    return { layer: 1, cell, why };
  }

  /** The labels that a cell contributes to most, and the two chosen ones. */
  top(maps: Maps, layer: LayerIndex, cell: number): Bar[] {
    const { page } = this;
    const values = maps.labelsAt(layer, cell);
    const bar = (place: number): Bar => ({
      name: page.labels.names[place],
      value: values[place],
      colour: place === page.first ? FIRST : place === page.second ? SECOND : undefined,
    });
    const best = descending(values)
      .slice(0, TOP)
      .filter((place) => values[place] > 0);
    const chosen = page.chosen.filter((place, i, all) => !best.includes(place) && all.indexOf(place) === i);
    return [...best.map(bar), ...chosen.map((place, i) => ({ ...bar(place), apart: i === 0 }))];
  }

  /** Two compared cells: their maps, the difference, and their numbers. */
  comparison(maps: Maps): Comparison | null {
    const { pinned } = this;
    if (pinned?.cells.length !== 2) return null;
    const layer = otherLayer(pinned.layer);
    const [a, b] = pinned.cells.map((cell) => maps.between(pinned.layer, cell));
    const full = this.scale === "all" ? maps.full : Math.max(largestAbs(a), largestAbs(b));
    const names = pinned.cells.map((cell) => this.cellOf(pinned.layer, cell));
    const parts = [
      { title: names[0], colour: CELL_A, values: a },
      { title: names[1], colour: CELL_B, values: b },
      { title: "first \u2212 second", colour: null, values: difference(a, b) },
    ];
    return {
      layer,
      cosine: cosine(a, b),
      full,
      parts: parts.map(({ title, colour, values }) => {
        const at = this.cellOf(layer, placeOfLargest(values));
        const shown = this.one(values, layer, full, `${title}, largest at ${at}`);
        return { title, colour, shown, sum: sum(values), largest: Math.max(...values), at };
      }),
    };
  }
}

export interface Comparison {
  layer: LayerIndex;
  cosine: number;
  full: number;
  parts: { title: string; colour: string | null; shown: Shown; sum: number; largest: number; at: string }[];
}

/** The explorer of a page, one for all its panels of maps. */
export const explorerOf = shared(async (page): Promise<Explorer> => {
  const packed = Object.entries(page.shared<Record<string, PackedMaps>>("maps"));
  const read = packed.map(async ([name, each]) => [name, await Maps.read(name, each)] as const);
  return page.restore(new Explorer(page, Object.fromEntries(await Promise.all(read))));
});
