// What the reader of a contact sheet chose, and what follows from it.
import { type Pixels, paint } from "../data/colours";
import { cellWords } from "../data/numbers";
import type { Sheet } from "./data";
import { type Choice, type Known, understood, written } from "./fragment";
import { type Measure, type Sort, fullOf, ordered, sortsOf } from "./measures";
import { type Found, understand } from "./search";

const SIZE = 72; // CSS pixels of a tile at the start
const PAUSE = 200; // ms: browsers limit how often an address may change

export class View implements Choice {
  readonly own: Choice;
  readonly known: Known;
  readonly sorts: readonly { value: Sort; words: string }[];
  readonly places: readonly number[];

  search = $state("");
  sort = $state<Sort>("number");
  size = $state(SIZE);
  chosen = $state<number | null>(null);
  kept = $state<number | null>(null);
  active = $state(false);
  /** What the pointer is at, or the keyboard: a sprite, a cell of the picture. */
  pointed = $state<number | null>(null);
  cellPointed = $state<number | null>(null);

  /** The sprite that is shown large. */
  readonly looked = $derived(this.pointed ?? this.chosen);
  /** The cell that activations are read at. */
  readonly cell = $derived(this.cellPointed ?? this.kept);
  readonly found: Found = $derived.by(() => understand(this.search, this.sheet.numbers));
  readonly measure: Measure = $derived.by(() => this.measured());
  readonly full = $derived(fullOf(this.measure.values));
  readonly order: number[] = $derived.by(() => this.shown());

  constructor(readonly sheet: Sheet) {
    this.sorts = sortsOf(sheet);
    this.places = sheet.numbers.map((_, place) => place);
    this.own = { search: "", sort: this.sorts[0].value, size: SIZE, chosen: null, kept: null, active: false };
    this.known = {
      numbers: sheet.numbers,
      sorts: this.sorts.map(({ value }) => value),
      rows: sheet.response?.rows ?? 0,
      cols: sheet.response?.cols ?? 0,
    };
    Object.assign(this, this.own);
  }

  get choice(): Choice {
    const { search, sort, size, chosen, kept, active } = this;
    return { search, sort, size, chosen, kept, active };
  }

  /** Activations of all sprites at a cell. */
  at(cell: number): ArrayLike<number> {
    return this.sheet.response?.values.column(cell) ?? [];
  }

  cellWords(cell: number): string {
    return cellWords(cell, this.known.cols);
  }

  /** What the bars and numbers of the tiles are. */
  private measured(): Measure {
    const { response, judge, objective } = this.sheet;
    const { cell, sort } = this;
    if (response && cell !== null) {
      return { sort: "here", name: `activation at ${this.cellWords(cell)}`, values: this.at(cell) };
    }
    if (sort === "judge") return { sort, name: "judge", values: judge };
    if (sort === "objective") return { sort, name: "objective", values: objective };
    if (!response) return { sort, name: "judge", values: judge };
    if (sort === "mean") return { sort, name: "mean activation", values: response.mean };
    return { sort, name: "largest activation", values: response.largest };
  }

  /** Whether a channel is active at the cell, or anywhere. */
  isActive(place: number): boolean {
    const { response } = this.sheet;
    if (!response) return true;
    return ((this.cell === null ? response.largest : this.measure.values)[place] ?? 0) > 0;
  }

  private shown(): number[] {
    const { judge, objective, numbers, response } = this.sheet;
    const values: Record<Sort, ArrayLike<number | null>> = {
      number: numbers,
      judge,
      objective,
      largest: response?.largest ?? [],
      mean: response?.mean ?? [],
      // Without a position, the largest anywhere.
      here: this.cell === null ? (response?.largest ?? []) : this.measure.values,
    };
    const { only } = this.found;
    return ordered(numbers.length, this.sort, values[this.sort]).filter(
      (place) => (!only || only.has(numbers[place])) && (!this.active || this.isActive(place)),
    );
  }

  /** Activations of a sprite over the picture, in colours. */
  heat(place: number): Pixels {
    const { response, palette } = this.sheet;
    if (!response) return new Uint8ClampedArray();
    return paint(response.values.at(place), palette, Math.max(0, response.largest[place] ?? 0));
  }

  choose(place: number | null): void {
    this.chosen = place;
  }

  keep(cell: number): void {
    this.kept = this.kept === cell ? null : cell;
    if (this.kept !== null) this.sort = "here";
  }

  /** Let go of the sprite that is kept, or else of the position. */
  letGo(): void {
    if (this.chosen !== null) this.chosen = null;
    else this.kept = null;
  }

  /** Move on to the next sprite in the order of the page. */
  step(by: number): void {
    if (this.order.length === 0) return;
    const at = this.chosen === null ? -1 : this.order.indexOf(this.chosen);
    const next = at < 0 ? 0 : Math.max(0, Math.min(this.order.length - 1, at + by));
    this.chosen = this.order[next];
  }
}

/** Follow the address, and write every change into it. */
export function followAddress(view: View): void {
  const { own, known } = view;
  const bare = () => location.href.split("#")[0];
  const read = () => Object.assign(view, understood(location.hash, own, known));
  addEventListener("hashchange", read);
  read();
  let timer = 0;
  let before = written(view.choice, own, known);
  $effect.root(() => {
    $effect(() => {
      const now = written(view.choice, own, known);
      if (now === before) return;
      before = now;
      clearTimeout(timer);
      timer = window.setTimeout(() => history.replaceState(null, "", `${bare()}${now ? `#${now}` : ""}`), PAUSE);
    });
  });
}
