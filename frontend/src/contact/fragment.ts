// A view of the contact sheet as the fragment of an address, and back. What is not understood is left out.
import type { Sort } from "./measures";

export interface Choice {
  search: string;
  sort: Sort;
  /** Side of a tile in CSS pixels. */
  size: number;
  /** The place of the enlarged sprite. */
  chosen: number | null;
  /** The cell of the picture that is kept. */
  kept: number | null;
  /** Whether only what is active is shown. */
  active: boolean;
}

export interface Known {
  numbers: readonly number[];
  sorts: readonly Sort[];
  /** Rows and columns of cells over the picture; 0 where there is none. */
  rows: number;
  cols: number;
}

export const SIZES = [36, 160] as const;
const LONGEST = 200; // characters of a search

/** Write what differs from the page's own view; empty where nothing does. */
export function written(choice: Choice, own: Choice, known: Known): string {
  const parts: [string, string][] = [];
  if (choice.search !== "") parts.push(["search", choice.search]);
  if (choice.sort !== own.sort) parts.push(["sort", choice.sort]);
  if (choice.active) parts.push(["active", "1"]);
  if (choice.size !== own.size) parts.push(["size", String(choice.size)]);
  if (choice.kept !== null) {
    parts.push(["position", `${Math.floor(choice.kept / known.cols) + 1},${(choice.kept % known.cols) + 1}`]);
  }
  if (choice.chosen !== null) parts.push(["sprite", String(known.numbers[choice.chosen])]);
  return parts.map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&");
}

/** Read a view; what is missing, unknown or broken is as in the page's own view. */
export function understood(fragment: string, own: Choice, known: Known): Choice {
  const parts = new URLSearchParams(fragment.replace(/^#/, ""));
  const choice = { ...own, search: (parts.get("search") ?? "").slice(0, LONGEST) };
  const sort = known.sorts.find((each) => each === parts.get("sort"));
  if (sort) choice.sort = sort;
  choice.active = known.cols > 0 && parts.get("active") === "1";
  const size = whole(parts.get("size"));
  if (size !== null && size >= SIZES[0] && size <= SIZES[1]) choice.size = size;
  const [row, col] = (parts.get("position") ?? "").split(",").map(whole);
  if (row && col && row <= known.rows && col <= known.cols) choice.kept = (row - 1) * known.cols + col - 1;
  const place = known.numbers.indexOf(whole(parts.get("sprite")) ?? -1);
  if (place >= 0) choice.chosen = place;
  return choice;
}

function whole(text: string | null): number | null {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : null;
}
