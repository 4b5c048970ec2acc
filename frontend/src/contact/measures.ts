// What sprites are sorted and measured by.
import type { Sheet } from "./data";

export type Sort = "number" | "heldout_objective" | "objective" | "largest" | "mean" | "here";

export interface Measure {
  sort: Sort;
  /** What one of the values is. */
  name: string;
  values: ArrayLike<number | null>;
}

/** The orders that a page offers, its own first. */
export function sortsOf(sheet: Sheet): { value: Sort; words: string }[] {
  const always: { value: Sort; words: string }[] = [
    { value: "number", words: "number" },
    { value: "heldout_objective", words: "held-out objective" },
    { value: "objective", words: "objective" },
  ];
  if (!sheet.response) return always;
  return [
    { value: "largest", words: "largest activation" },
    { value: "mean", words: "mean activation" },
    { value: "here", words: "activation here" },
    ...always,
  ];
}

/** Places in an order: the largest value first, missing values last; the numbers rise already. */
export function ordered(count: number, sort: Sort, values: ArrayLike<number | null>): number[] {
  const places = Array.from({ length: count }, (_, place) => place);
  if (sort === "number") return places;
  const size = (place: number) => values[place] ?? Number.NEGATIVE_INFINITY;
  return places.sort((a, b) => (size(b) === size(a) ? a - b : size(b) - size(a)));
}

/** The rank of each sprite, from 1 for the largest value. */
export function ranks(values: ArrayLike<number | null>): number[] {
  const found: number[] = [];
  for (const [rank, place] of ordered(values.length, "objective", values).entries()) found[place] = rank + 1;
  return found;
}

/** The largest absolute value, the full length of a bar. */
export function fullOf(values: ArrayLike<number | null>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i] ?? 0));
  return most;
}
