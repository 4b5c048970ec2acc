// A view as the fragment of an address, and back. What is not understood is left out.

/** What a reader chose; places of labels are written by the labels' own indexes. */
export interface Choice {
  first: number;
  /** null where the first label stands alone. */
  second: number | null;
  palette: string;
  opacity: number;
  scale: Scale;
  pinned: Pinned | null;
  method: string;
  /** The channel looked at, after those that led to it. */
  trail: ChannelAt[];
  group: number | null;
  /** The position that is kept in activation grids and the dictionary. */
  spot: Spot | null;
  /** The channel that is kept in the dictionary. */
  entry: number | null;
  /** Whether cells are as large as their vectors are long. */
  sized: boolean;
}

/** A cell of one of the layers that are shown position by position, by its place among them. */
export interface Spot {
  field: number;
  cell: number;
}

export type Scale = "own" | "all";

/** One cell that is kept, or two that are compared, of layer 0 or 1. */
export interface Pinned {
  side: 0 | 1;
  cells: number[];
}

export interface ChannelAt {
  side: 0 | 1;
  channel: number;
}

/** What the page has, so that a link of another page does no harm. */
export interface Known {
  placeOf(index: number): number | null;
  indexOf(place: number): number;
  palettes: readonly string[];
  methods: readonly string[];
  cells: readonly [number, number];
  channels: readonly [number, number];
  groups: number;
  fields: readonly { name: string; cells: number }[];
  entries: number;
}

const MOST_CELLS = 2;
const MOST_STEPS = 8;

/** Whether a fragment holds a view, and not the name of a panel. */
export const isView = (fragment: string): boolean => fragment.includes("=");

/** Write what differs from the page's own view; empty where nothing does. */
export function written(choice: Choice, own: Choice, known: Known): string {
  const parts: [string, string][] = [];
  if (choice.first !== own.first || choice.second !== own.second) {
    parts.push(["first", String(known.indexOf(choice.first))]);
    parts.push(["second", choice.second === null ? "none" : String(known.indexOf(choice.second))]);
  }
  if (choice.palette !== own.palette) parts.push(["palette", choice.palette]);
  if (choice.opacity !== own.opacity) parts.push(["opacity", String(choice.opacity)]);
  if (choice.scale !== own.scale) parts.push(["scale", choice.scale]);
  if (choice.pinned) parts.push(["cells", `${choice.pinned.side + 1}:${choice.pinned.cells.join(",")}`]);
  if (choice.method !== own.method) parts.push(["method", choice.method]);
  if (choice.trail.length > 0) {
    parts.push(["channels", choice.trail.map((at) => `${at.side + 1}:${at.channel}`).join(",")]);
  }
  if (choice.group !== null) parts.push(["group", String(choice.group + 1)]);
  if (choice.spot) parts.push(["spot", `${known.fields[choice.spot.field].name}:${choice.spot.cell}`]);
  if (choice.entry !== null) parts.push(["entry", String(choice.entry)]);
  if (choice.sized !== own.sized) parts.push(["size", choice.sized ? "magnitude" : "equal"]);
  return parts.map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&");
}

/** Read a view; what is missing, unknown or broken is as in the page's own view. */
export function understood(fragment: string, own: Choice, known: Known): Choice {
  const parts = new URLSearchParams(fragment.replace(/^#/, ""));
  const choice = { ...own };
  const first = known.placeOf(whole(parts.get("first")) ?? -1);
  if (first !== null) {
    choice.first = first;
    choice.second = known.placeOf(whole(parts.get("second")) ?? -1);
  }
  const palette = parts.get("palette") ?? "";
  if (known.palettes.includes(palette)) choice.palette = palette;
  const opacity = parts.get("opacity");
  if (opacity !== null && /^(0|1|0?\.\d+)$/.test(opacity)) choice.opacity = Number(opacity);
  if (parts.get("scale") === "all") choice.scale = "all";
  const [at, cells] = (parts.get("cells") ?? "").split(":");
  const side = sideOf(at);
  if (side !== null && cells) {
    const found = cells.split(",").map(whole);
    if (found.length <= MOST_CELLS && found.every((cell) => below(cell, known.cells[side]))) {
      choice.pinned = { side, cells: [...new Set(found as number[])] };
    }
  }
  const method = parts.get("method") ?? "";
  if (known.methods.includes(method)) choice.method = method;
  choice.trail = trail(parts.get("channels"), known);
  const group = whole(parts.get("group"));
  if (group !== null && group >= 1 && group <= known.groups) choice.group = group - 1;
  choice.spot = spot(parts.get("spot") ?? "", known);
  const entry = whole(parts.get("entry"));
  if (below(entry, known.entries)) choice.entry = entry;
  const size = parts.get("size");
  if (size === "magnitude" || size === "equal") choice.sized = size === "magnitude";
  return choice;
}

function spot(text: string, known: Known): Spot | null {
  const end = text.lastIndexOf(":");
  const field = known.fields.findIndex(({ name }) => name === text.slice(0, end));
  const cell = whole(text.slice(end + 1));
  return field >= 0 && below(cell, known.fields[field].cells) ? { field, cell: cell as number } : null;
}

function trail(text: string | null, known: Known): ChannelAt[] {
  const found: ChannelAt[] = [];
  for (const step of (text ?? "").split(",").slice(0, MOST_STEPS)) {
    const [at, number] = step.split(":");
    const side = sideOf(at);
    const channel = whole(number ?? null);
    if (side === null || !below(channel, known.channels[side])) return [];
    found.push({ side, channel: channel as number });
  }
  return found;
}

function sideOf(text: string): 0 | 1 | null {
  return text === "1" ? 0 : text === "2" ? 1 : null;
}

function whole(text: string | null): number | null {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : null;
}

function below(value: number | null, most: number): boolean {
  return value !== null && value < most;
}
