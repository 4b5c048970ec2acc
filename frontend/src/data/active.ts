// How active the channels of a layer are, and what they respond to.
import { type Floats, type Tensor, largestSize, placeOfLargest } from "./arrays";
import type { Square } from "./channels";
import type { Picture } from "./data";
import { Grid } from "./grid";
import type { Sprites } from "./tiles";

const PART = 3; // the part of the input that drives a channel: a third of its shorter side

export class Active {
  readonly grid: Grid;
  /** The largest activation of the layer. */
  readonly largest: number;

  constructor(
    readonly layer: string,
    private readonly values: Tensor,
    readonly sprites: Sprites | null,
  ) {
    this.grid = new Grid(values.shape[1], values.shape[2]);
    this.largest = largestSize(values.values);
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

  /** The activation of every channel at a position, or the mean of it over several. */
  at(cells: readonly number[]): Floats {
    const mean = new Float32Array(this.count);
    for (const cell of cells) for (const [i, value] of this.values.column(cell).entries()) mean[i] += value / cells.length;
    return mean;
  }

  /** The part of the input around the channel's largest activation, in pixels. */
  driving(channel: number, picture: Picture): Square {
    const side = Math.max(1, Math.floor(Math.min(picture.rows, picture.cols) / PART));
    const box = this.grid.box(placeOfLargest(this.of(channel)));
    const start = (from: number, part: number, length: number) =>
      Math.min(Math.max(Math.round((from + part / 2) * length - side / 2), 0), length - side);
    return {
      x: start(box.left, box.width, picture.cols),
      y: start(box.top, box.height, picture.rows),
      width: side,
      height: side,
    };
  }
}
