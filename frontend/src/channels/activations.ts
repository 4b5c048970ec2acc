// How active the channels of a layer are, and what they respond to.
import { type Floats, type Tensor, largestAbs, placeOfLargest, unpack } from "../data/arrays";
import type { Packed, PageImage } from "../data/data";
import { Grid, type PixelBox } from "../data/grid";
import { dimmedInput } from "../view/dimmed";
import type { Page } from "../view/page.svelte";
import { shared } from "../view/panels";
import { type Pictures, picturesOf } from "./pictures";

const PEAK_PART = 3; // the crop around a channel's peak: a third of the input's shorter side

export class Activations {
  readonly grid: Grid;
  /** The largest activation of the layer. */
  readonly largest: number;

  constructor(
    readonly layer: string,
    private readonly values: Tensor,
    readonly pictures: Pictures,
    readonly input: PageImage,
    /** The input in grey, to lie below maps without a sign. */
    readonly dimmed: PageImage,
  ) {
    this.grid = new Grid(values.shape[1], values.shape[2]);
    this.largest = largestAbs(values.values);
  }

  get count(): number {
    return this.values.shape[0];
  }

  get cols(): number {
    return this.grid.cols;
  }

  /** Where a channel is active. */
  of(channel: number): Floats {
    return this.values.at(channel);
  }

  /** The activation of every channel at a position, or its mean over several. */
  at(cells: readonly number[]): Floats {
    const mean = new Float32Array(this.count);
    for (const cell of cells) {
      for (const [i, value] of this.values.column(cell).entries()) mean[i] += value / cells.length;
    }
    return mean;
  }

  /** The part of the input around the channel's largest activation. */
  peak(channel: number): PixelBox {
    const { rows, cols } = this.input;
    const side = Math.max(1, Math.floor(Math.min(rows, cols) / PEAK_PART));
    const box = this.grid.box(placeOfLargest(this.of(channel)));
    const start = (from: number, part: number, length: number) =>
      Math.min(Math.max(Math.round((from + part / 2) * length - side / 2), 0), length - side);
    return {
      x: start(box.left, box.width, cols),
      y: start(box.top, box.height, rows),
      width: side,
      height: side,
    };
  }
}

const cached = shared(() => new Map<string, Promise<Activations>>());

/** The activations of a layer of the page. */
export function activationsOf(page: Page, layer: string): Promise<Activations> {
  const found = cached(page).get(layer) ?? read(page, layer);
  cached(page).set(layer, found);
  return found;
}

async function read(page: Page, layer: string): Promise<Activations> {
  const packed = page.shared<Record<string, Packed>>("activations")[layer];
  const [values, below] = await Promise.all([unpack(packed), dimmedInput(page)]);
  return new Activations(layer, values, picturesOf(page, layer), page.data.input, below);
}
