// What a contact sheet holds, as written by the package's figures/page/contact_sheet.py.
import { Tensor, unpack } from "../data/arrays";
import { type Palette, readPalette } from "../data/colours";
import type { PackedPalette, Packed, Picture } from "../data/data";
import { dimmed } from "../data/dimmed";
import { Grid } from "../data/grid";

type Numbers = (number | null)[];

interface PackedResponse {
  image: string;
  picture: Picture;
  /** Positions of the layer, and those of the page: blocks of pooled x pooled. */
  grid: [number, number];
  rows: number;
  cols: number;
  pooled: number;
  /** (sprite, row, col). */
  activations: Packed;
  largest: Numbers;
  /** Of the largest activation, in the positions of the layer. */
  place: number[];
  mean: Numbers;
}

interface PackedSheet {
  layer: string;
  /** What a sprite is of: "channel", "neuron" or "direction". */
  unit: string;
  /** Which of the layer's units the sprites are of, in rising order. */
  numbers: number[];
  objective: Numbers;
  judge: Numbers;
  /** A step, or -1. */
  stopped: number[];
  palette: PackedPalette;
  sheet: { side: number; wrap: number; rows: number };
  response?: PackedResponse;
}

/** What a picture makes of the channels. */
export interface Response extends PackedResponse {
  dimmed: Picture;
  cells: Grid;
  values: Tensor;
}

export interface Sheet extends Omit<PackedSheet, "palette" | "response"> {
  palette: Palette;
  response: Response | null;
}

/** Read the data of the page. */
export async function readSheet(): Promise<Sheet> {
  const text = document.getElementById("blockscope-data")?.textContent ?? "";
  const { palette, response, ...rest } = JSON.parse(text) as PackedSheet;
  return {
    ...rest,
    palette: readPalette(palette),
    response: response
      ? {
          ...response,
          dimmed: await dimmed(response.picture),
          cells: Grid.of({ name: rest.layer, ...response }),
          values: await unpack(response.activations),
        }
      : null,
  };
}
