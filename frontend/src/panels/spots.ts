// Positions that activation grids and the dictionary share: where they lie in every layer, in words.
import { type Block, type Grid, type Outline } from "../data/grid";
import type { Spot } from "../view/fragment";
import type { Page } from "../view/page.svelte";

const KEPT = "#ffd84d";
const POINTED = "#ffffff";

/** The cells of a layer that belong to a position of any layer. */
export function blockOf(page: Page, spot: Spot, field: number): Block {
  if (spot.field === field) return { cell: spot.cell, to: spot.cell };
  return page.fields[field].grid.covered(page.fields[spot.field].grid.box(spot.cell));
}

/** What is outlined on the grid of a layer, or on the input: the position kept, the one looked at. */
export function outlinesOn(page: Page, field: number | null): Outline[] {
  const { spot, looked } = page;
  const same = spot?.field === looked.field && spot.cell === looked.cell;
  const shown = spot && !same ? [spot, looked] : [looked];
  return shown.map((each) => ({
    ...(field === null ? { cell: each.cell, of: page.fields[each.field].grid } : blockOf(page, each, field)),
    colour: each === spot || same ? KEPT : POINTED,
  }));
}

/** A block of cells as people count. */
export function blockWords({ cell, to }: Block, { cols }: Grid): string {
  const part = (name: string, first: number, last: number) =>
    first === last ? `${name} ${first + 1}` : `${name}s ${first + 1} to ${last + 1}`;
  const row = part("row", Math.floor(cell / cols), Math.floor(to / cols));
  return `${row}, ${part("column", cell % cols, to % cols)}`;
}

/** The layer with the most cells: what is pointed at on the input. */
export function finest(page: Page): number {
  const cells = page.fields.map(({ grid }) => grid.cells);
  return cells.indexOf(Math.max(...cells));
}

/** Where the looked-at position is, and why. */
export function lookedWords(page: Page): string {
  const { looked } = page;
  const { name, grid } = page.fields[looked.field];
  const place = `${name}, ${blockWords({ cell: looked.cell, to: looked.cell }, grid)}`;
  if (page.pointed) return place;
  return page.spot ? `${place}, kept` : `${place}: the longest activation vector`;
}
