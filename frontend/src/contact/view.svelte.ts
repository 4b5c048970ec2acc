// What the reader of a contact sheet chose, and what follows from it.
import { type Pixels, paint } from "../data/colours";
import { cellWords } from "../data/numbers";
import type { ViewPart } from "../view/fragment";
import type { Sheet } from "./data";
import { type Choice, type Known, choiceOf, entriesOf } from "./fragment";
import { type Measure, type Sort, fullOf, ordered, sortsOf } from "./measures";
import { type Found, parseSearch } from "./search";

const SIZE = 72; // CSS pixels of a tile at the start

export class View implements Choice, ViewPart {
  private readonly start: Choice;
  private readonly known: Known;
  readonly sorts: readonly { value: Sort; words: string }[];

  search = $state("");
  sort = $state<Sort>("number");
  size = $state(SIZE);
  pinned = $state<number | null>(null);
  pinnedCell = $state<number | null>(null);
  onlyActive = $state(false);
  exemplars = $state(false);
  /** What the pointer or the keyboard is at: a sprite, a cell of the input. */
  pointed = $state<number | null>(null);
  pointedCell = $state<number | null>(null);

  /** The sprite that is enlarged. */
  readonly focused = $derived(this.pointed ?? this.pinned);
  /** The cell at which activations are read. */
  readonly cell = $derived(this.pointedCell ?? this.pinnedCell);
  readonly found: Found = $derived.by(() => parseSearch(this.search, this.sheet.numbers));
  readonly measure: Measure = $derived.by(() => this.measured());
  readonly full = $derived(fullOf(this.measure.values));
  readonly order: number[] = $derived.by(() => this.shown());

  constructor(readonly sheet: Sheet) {
    this.sorts = sortsOf(sheet);
    this.sort = this.sorts[0].value;
    this.start = {
      search: "",
      sort: this.sort,
      size: SIZE,
      pinned: null,
      pinnedCell: null,
      onlyActive: false,
      exemplars: false,
    };
    this.known = {
      numbers: sheet.numbers,
      sorts: this.sorts.map(({ value }) => value),
      rows: sheet.response?.rows ?? 0,
      cols: sheet.response?.cols ?? 0,
      exemplars: sheet.exemplars !== undefined,
    };
  }

  entries(): [string, string][] {
    return entriesOf(this, this.start, this.known);
  }

  read(parameters: URLSearchParams): void {
    Object.assign(this, choiceOf(parameters, this.start, this.known));
  }

  /** Activations of all sprites at a cell. */
  at(cell: number): ArrayLike<number> {
    return this.sheet.response?.values.column(cell) ?? [];
  }

  cellWords(cell: number): string {
    return cellWords(cell, this.known.cols);
  }

  /** What the bars and numbers of the tiles show. */
  private measured(): Measure {
    const { response, heldout_objective, objective } = this.sheet;
    const { cell, sort } = this;
    if (response && cell !== null) {
      return { sort: "here", name: `activation at ${this.cellWords(cell)}`, values: this.at(cell) };
    }
    if (sort === "objective") return { sort, name: "objective", values: objective };
    if (!response || sort === "heldout_objective") {
      return { sort, name: "held-out objective", values: heldout_objective };
    }
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
    const { heldout_objective, objective, numbers, response } = this.sheet;
    const largest = response?.largest ?? [];
    const values: Record<Sort, ArrayLike<number | null>> = {
      number: numbers,
      heldout_objective,
      objective,
      largest,
      mean: response?.mean ?? [],
      // Without a position, the largest anywhere.
      here: this.cell === null ? largest : this.measure.values,
    };
    const { only } = this.found;
    return ordered(numbers.length, this.sort, values[this.sort]).filter(
      (place) => (!only || only.has(numbers[place])) && (!this.onlyActive || this.isActive(place)),
    );
  }

  /** Activations of a sprite's channel over the input, in colours. */
  heat(place: number): Pixels {
    const { response, palette } = this.sheet;
    if (!response) return new Uint8ClampedArray();
    return paint(response.values.at(place), palette, Math.max(0, response.largest[place] ?? 0));
  }

  pin(place: number | null): void {
    this.pinned = place;
  }

  /** Pin a cell and rank by it, or unpin it. */
  pinCell(cell: number): void {
    this.pinnedCell = this.pinnedCell === cell ? null : cell;
    if (this.pinnedCell !== null) this.sort = "here";
  }

  /** Unpin the sprite, or else the position. */
  unpin(): void {
    if (this.pinned !== null) this.pinned = null;
    else this.pinnedCell = null;
  }

  /** Pin the next sprite in the order of the page. */
  step(by: number): void {
    if (this.order.length === 0) return;
    const at = this.pinned === null ? -1 : this.order.indexOf(this.pinned);
    const next = at < 0 ? 0 : Math.max(0, Math.min(this.order.length - 1, at + by));
    this.pinned = this.order[next];
  }
}
