// What sprites are sorted and measured by.
import type { Sheet } from "./data";

export type Sort = "number" | "judge" | "objective" | "largest" | "mean" | "here";

export interface Measure {
  sort: Sort;
  /** What one of the values is. */
  name: string;
  values: ArrayLike<number | null>;
}

/** The orders that a page has, the one that it opens with first. */
export function sortsOf(sheet: Sheet): { value: Sort; words: string }[] {
  const always: { value: Sort; words: string }[] = [
    { value: "number", words: "number" },
    { value: "judge", words: "judge" },
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

/** Places in an order: the largest value first, what is no number last; by number they stand. */
export function ordered(count: number, sort: Sort, values: ArrayLike<number | null>): number[] {
  const places = Array.from({ length: count }, (_, place) => place);
  if (sort === "number") return places;
  const size = (place: number) => values[place] ?? Number.NEGATIVE_INFINITY;
  return places.sort((a, b) => (size(b) === size(a) ? a - b : size(b) - size(a)));
}

/** The place of each sprite when the largest value is first, from 1. */
export function ranks(values: ArrayLike<number | null>): number[] {
  const found: number[] = [];
  for (const [rank, place] of ordered(values.length, "judge", values).entries()) found[place] = rank + 1;
  return found;
}

/** The largest size of any value, the full length of a bar. */
export function fullOf(values: ArrayLike<number | null>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i] ?? 0));
  return most;
}
