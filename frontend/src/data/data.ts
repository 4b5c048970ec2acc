// What a page holds, as written by the package's figures/page/payload.py.

/** An array: base64 of deflated whole numbers; a value is its number times the scale of its row. */
export interface Packed {
  shape: number[];
  bits: 8 | 16;
  scale: number[];
  data: string;
}

export interface Picture {
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
  /** Rows and columns of positions; the last cells hold fewer where pooled is no part of them. */
  grid?: [number, number];
}

export interface PackedPalette {
  name: string;
  words: string;
  signed: boolean;
  table: string;
}

export interface Pair {
  /** Places on the axis of labels; second is null where the first stands alone. */
  first: number;
  second: number | null;
  text: string;
  logsumexp: boolean;
}

export interface PackedMaps {
  /** (label, row, col) for the earlier and the later layer, in logits. */
  classes: [Packed, Packed];
  /** (row2, col2, row1, col1), in units of the later layer's activations. */
  positions: Packed;
}

export interface ChannelLayer {
  layer: string;
  method: string[];
  /** (method, channel), in logits, for the pair of the run. */
  attribution: Packed;
  sum: number[];
  completeness: (number | null)[];
  steps: number[];
  rise: number;
  /** (label, channel): linear attribution of every label, in logits. */
  classes: Packed;
}

/** Many small pictures on one: tile n is in column n % wrap, row n // wrap. */
export interface Sheet {
  uri: string;
  /** Of a tile, in pixels. */
  side: number;
  wrap: number;
  count: number;
}

/** The sprites of a layer; channels says whose tile is which. */
export interface SpriteSheet extends Sheet {
  channels: number[];
}

export interface PackedGrid {
  layer: string;
  method: string;
  rows: number;
  cols: number;
  sheet: Sheet;
  /** (1, row, col): length of each position's activation vector. */
  magnitude: Packed;
  /** Cells whose numbers left the finite. */
  stopped: number[];
}

export interface Dictionary {
  layer: string;
  /** Cells that are strong and unlike each other. */
  telling: number[];
}

export interface Drivers {
  /** For every channel of the later layer its strongest channels of the earlier one. */
  channel: number[][];
  value: Packed;
}

export interface NeuronGroups {
  layer: string;
  /** (factor, row, col). */
  spatial: Packed;
  channels: { channel: number[][]; value: number[][] };
  magnitude: number[];
  /** (factor, label), in logits. */
  effect: Packed;
  colours: string[];
  relative_error: number;
  /** What each group responds to, where it was rendered. */
  sheet?: Sheet;
}

/** The whole; a page that shows only the static groups lacks everything that is optional. */
export interface Data {
  run: string;
  model: string;
  image: string;
  override: string;
  opacity: number;
  picture: Picture;
  layers: [Layer, Layer];
  palettes: PackedPalette[];
  labels?: { name: string[]; index: number[]; probability: Packed };
  pair?: Pair;
  maps?: Record<string, PackedMaps>;
  channels?: ChannelLayer[];
  drivers?: Drivers;
  neurons?: NeuronGroups;
  /** (channel, row, col), by layer. */
  activations?: Record<string, Packed>;
  /** By layer, where there is a spritemap. */
  sprites?: Record<string, SpriteSheet>;
  grids?: PackedGrid[];
  /** Whether the cells of grids are as large as their vectors are long. */
  sized?: boolean;
  dictionary?: Dictionary;
}

/** Read the data of a page, or null where it has none. */
export function readData(): Data | null {
  const text = document.getElementById("blockscope-data")?.textContent;
  return text ? (JSON.parse(text) as Data) : null;
}
