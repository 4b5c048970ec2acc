// A view as the fragment of an address, and back.
import type { LayerIndex } from "../data/data";

/** A part of the view: it writes what differs from the view that the page opens with, and reads it. */
export interface ViewPart {
  entries(): [key: string, value: string][];
  /** Take over what the parameters say; what is missing, unknown or broken becomes as at the start. */
  read(parameters: URLSearchParams): void;
}

/** Whether a fragment holds a view, and not the name of a panel. */
export const isView = (fragment: string): boolean => fragment.includes("=");

/** Write a view, sorted by keys; empty where nothing differs from the start. */
export function serialize(parts: readonly ViewPart[]): string {
  return parts
    .flatMap((part) => part.entries())
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
    .join("&");
}

/** Set every part of a view to what a fragment says. */
export function parse(fragment: string, parts: readonly ViewPart[]): void {
  const parameters = parametersOf(fragment);
  for (const part of parts) part.read(parameters);
}

/** The panel that a fragment with a view leads to. */
export const panelOf = (fragment: string): string => parametersOf(fragment).get("at") ?? "";

const parametersOf = (fragment: string) => new URLSearchParams(fragment.replace(/^#/, ""));

/** A whole number from 0 and, if `end` is given, below it; null for anything else. */
export function whole(text: string | null | undefined, end = Infinity): number | null {
  const value = text && /^\d{1,9}$/.test(text) ? Number(text) : null;
  return value !== null && value < end ? value : null;
}

/** A layer as links write it: 1 the earlier, 2 the later. */
export function layerIndex(text: string): LayerIndex | null {
  return text === "1" ? 0 : text === "2" ? 1 : null;
}
