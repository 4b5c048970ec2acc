// What a contact sheet holds, as written by the package's figures/page/contact_sheet.py.
import { Tensor, unpack } from "../data/arrays";
import { type Palette, readPalette } from "../data/colours";
import type { Packed, PackedPalette, PageImage } from "../data/data";
import { dimmed } from "../data/images";
import { Grid } from "../data/grid";

type Numbers = (number | null)[];

interface PackedResponse {
  image: string;
  input: PageImage;
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
  /** What the sprites show: "channel", "neuron" or "direction". */
  unit: string;
  /** The numbers of the units that have a sprite, in rising order. */
  numbers: number[];
  objective: Numbers;
  heldout_objective: Numbers;
  /** The step at which the optimization of a sprite diverged, or -1. */
  diverged_step: number[];
  palette: PackedPalette;
  sheet: { side: number; wrap: number; rows: number };
  response?: PackedResponse;
  /** The exemplars of the same units, in the same order. */
  exemplars?: { uri: string; wrap: number; rows: number; words: string };
  /** Where the articles of the channels begin. */
  page?: string;
}

/** How active the channels are in an image. */
export interface Response extends PackedResponse {
  dimmed: PageImage;
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
          dimmed: await dimmed(response.input),
          cells: Grid.of({ name: rest.layer, ...response }),
          values: await unpack(response.activations),
        }
      : null,
  };
}
