// What every page holds, as written by the package's figures/page/payload.py. What a panel holds, and
// what several panels share, is described by those who read it.

/** An array: base64 of deflated whole numbers; a value is its number times the scale of its row. */
export interface Packed {
  shape: number[];
  bits: 8 | 16;
  scale: number[];
  data: string;
}

export interface PageImage {
  uri: string;
  rows: number;
  cols: number;
}

/** A layer; rows, cols and pooled are there if the page has maps of it. */
export interface Layer {
  name: string;
  rows: number;
  cols: number;
  /** One cell of the page is the sum of pooled x pooled positions. */
  pooled: number;
  /** Rows and columns of positions; the last cells hold fewer where pooled does not divide them. */
  grid?: [number, number];
}

/** One of the two layers: 0 the earlier, 1 the later. */
export type LayerIndex = 0 | 1;

export interface PackedPalette {
  name: string;
  words: string;
  signed: boolean;
  table: string;
}

/** The labels that the run compares. */
export interface Contrast {
  /** Places on the axis of labels; second is null where the first stands alone. */
  first: number;
  second: number | null;
  text: string;
  logsumexp: boolean;
}

export interface Data {
  run: string;
  model: string;
  image: string;
  override: string;
  opacity: number;
  input: PageImage;
  layers: [Layer, Layer];
  palettes: PackedPalette[];
  /** With the probabilities of the labels, or the outputs of a network without a head. */
  labels?: { name: string[]; index: number[]; probability?: Packed; output?: Packed };
  contrast?: Contrast;
  /** What several panels read, by kind. */
  shared: Record<string, unknown>;
  /** By name: the title of each panel, and what it alone reads. */
  panels: Record<string, { title: string; data: unknown }>;
}

/** Read the data of a page, or null where it has none. */
export function readData(): Data | null {
  const text = document.getElementById("blockscope-data")?.textContent;
  return text ? (JSON.parse(text) as Data) : null;
}
