// A view of the contact sheet as the fragment of an address, and back. Whatever is not valid is ignored.
import { whole } from "../view/fragment";
import type { Sort } from "./measures";

export interface Choice {
  search: string;
  sort: Sort;
  /** Side of a tile in CSS pixels. */
  size: number;
  /** The place of the enlarged sprite. */
  pinned: number | null;
  /** The cell of the input that is pinned. */
  pinnedCell: number | null;
  onlyActive: boolean;
  /** Whether tiles show exemplars instead of sprites. */
  exemplars: boolean;
}

export interface Known {
  numbers: readonly number[];
  sorts: readonly Sort[];
  /** Rows and columns of cells over the input; 0 where there is none. */
  rows: number;
  cols: number;
  exemplars: boolean;
}

export const SIZES = [36, 160] as const;
const LONGEST = 200; // characters of a search

/** What differs from the view that the page opens with. */
export function entriesOf(choice: Choice, start: Choice, known: Known): [string, string][] {
  const entries: [string, string][] = [];
  if (choice.search !== "") entries.push(["search", choice.search]);
  if (choice.sort !== start.sort) entries.push(["sort", choice.sort]);
  if (choice.onlyActive) entries.push(["active", "1"]);
  if (choice.exemplars) entries.push(["exemplars", "1"]);
  if (choice.size !== start.size) entries.push(["size", String(choice.size)]);
  if (choice.pinnedCell !== null) {
    const [row, col] = [Math.floor(choice.pinnedCell / known.cols), choice.pinnedCell % known.cols];
    entries.push(["position", `${row + 1},${col + 1}`]);
  }
  if (choice.pinned !== null) entries.push(["sprite", String(known.numbers[choice.pinned])]);
  return entries;
}

/** The view that parameters describe; what is missing, unknown or broken is as at the start. */
export function choiceOf(parameters: URLSearchParams, start: Choice, known: Known): Choice {
  const choice = { ...start, search: (parameters.get("search") ?? "").slice(0, LONGEST) };
  const sort = known.sorts.find((each) => each === parameters.get("sort"));
  if (sort) choice.sort = sort;
  choice.onlyActive = known.cols > 0 && parameters.get("active") === "1";
  choice.exemplars = known.exemplars && parameters.get("exemplars") === "1";
  const size = whole(parameters.get("size"));
  if (size !== null && size >= SIZES[0] && size <= SIZES[1]) choice.size = size;
  const [row, col] = (parameters.get("position") ?? "").split(",").map((text) => whole(text));
  if (row && col && row <= known.rows && col <= known.cols) {
    choice.pinnedCell = (row - 1) * known.cols + col - 1;
  }
  const place = known.numbers.indexOf(whole(parameters.get("sprite")) ?? -1);
  if (place >= 0) choice.pinned = place;
  return choice;
}
