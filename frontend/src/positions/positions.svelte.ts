// Positions that several panels share: where they lie in every layer, and which one is in focus.
import { PINNED, POINTED } from "../data/colours";
import type { Block, Grid, Outline } from "../data/grid";
import { type ViewPart, whole } from "../view/fragment";
import { shared } from "../view/panels";

/** A layer that is shown position by position. */
interface Field {
  name: string;
  grid: Grid;
  /** The cell in focus where none is pointed at or pinned. */
  start: number;
}

/** A cell of one of these layers, by its place among them. */
export interface Position {
  field: number;
  cell: number;
}

export class Positions implements ViewPart {
  readonly fields: Field[] = [];
  private defaultField = 0;

  pinned = $state<Position | null>(null);
  pointed = $state<Position | null>(null);

  /** Show a layer position by position; returns its place. `first`: the focus starts in this layer. */
  add(field: Field, { first = false } = {}): number {
    const known = this.fields.findIndex(({ name }) => name === field.name);
    const place = known < 0 ? this.fields.push(field) - 1 : known;
    if (first) {
      this.fields[place].start = field.start;
      this.defaultField = place;
    }
    return place;
  }

  /** The position that all panels show: the one pointed at, else the one pinned. */
  get focused(): Position {
    return (
      this.pointed ?? this.pinned ?? { field: this.defaultField, cell: this.fields[this.defaultField].start }
    );
  }

  /** Pin a position of a layer, or unpin it. */
  press(field: number, cell: number): void {
    this.pinned = this.isPinned(field, cell) ? null : { field, cell };
  }

  isPinned(field: number, cell: number): boolean {
    return this.pinned?.field === field && this.pinned.cell === cell;
  }

  entries(): [string, string][] {
    const { pinned } = this;
    return pinned ? [["spot", `${this.fields[pinned.field].name}:${pinned.cell}`]] : [];
  }

  read(parameters: URLSearchParams): void {
    const text = parameters.get("spot") ?? "";
    const end = text.lastIndexOf(":");
    const field = this.fields.findIndex(({ name }) => name === text.slice(0, end));
    const cell = field < 0 ? null : whole(text.slice(end + 1), this.fields[field].grid.cells);
    this.pinned = cell === null ? null : { field, cell };
  }

  /** The cells of a layer that belong to a position of any layer. */
  blockOf(position: Position, field: number): Block {
    if (position.field === field) return { cell: position.cell, to: position.cell };
    return this.fields[field].grid.covered(this.fields[position.field].grid.box(position.cell));
  }

  /** What is outlined on a layer, or on the input: the position pinned, and the one in focus. */
  outlinesOn(field: number | null): Outline[] {
    const { pinned, focused } = this;
    const same = this.isPinned(focused.field, focused.cell);
    const shown = pinned && !same ? [pinned, focused] : [focused];
    return shown.map((each) => ({
      ...(field === null ? { cell: each.cell, of: this.fields[each.field].grid } : this.blockOf(each, field)),
      colour: each === pinned || same ? PINNED : POINTED,
    }));
  }

  /** The layer with the most cells: the one whose cells are pointed at on the input. */
  get finest(): number {
    const cells = this.fields.map(({ grid }) => grid.cells);
    return cells.indexOf(Math.max(...cells));
  }

  /** Where the position in focus is, and why. */
  get words(): string {
    const { field, cell } = this.focused;
    const { name, grid } = this.fields[field];
    const place = `${name}, ${blockWords({ cell, to: cell }, grid)}`;
    if (this.pointed) return place;
    return this.pinned ? `${place}, pinned` : `${place}: the longest activation vector`;
  }
}

/** A block of cells as people count. */
export function blockWords({ cell, to }: Block, { cols }: Grid): string {
  const part = (name: string, first: number, last: number) =>
    first === last ? `${name} ${first + 1}` : `${name}s ${first + 1} to ${last + 1}`;
  const row = part("row", Math.floor(cell / cols), Math.floor(to / cols));
  return `${row}, ${part("column", cell % cols, to % cols)}`;
}

/** The positions of a page, the same in all its panels. */
export const positionsOf = shared((page) => page.restore(new Positions()));
