// Attribution maps of two layers under one gradient.
import { type Floats, type Tensor, largestSize, unpack } from "./arrays";
import type { PackedMaps } from "./data";

/** The earlier layer is 0, the later one 1. */
export type Side = 0 | 1;

export const other = (side: Side): Side => (side === 0 ? 1 : 0);

export class Maps {
  /** The largest size of any number between positions: the one scale of all maps. */
  readonly full: number;
  private readonly fulls = new Map<string, number>();

  constructor(
    readonly override: string,
    readonly classes: readonly [Tensor, Tensor],
    readonly positions: Tensor,
  ) {
    this.full = largestSize(positions.values);
  }

  static async read(override: string, packed: PackedMaps): Promise<Maps> {
    const [first, second, positions] = await Promise.all([
      unpack(packed.classes[0]),
      unpack(packed.classes[1]),
      unpack(packed.positions),
    ]);
    return new Maps(override, [first, second], positions);
  }

  /** The attribution of a label to the cells of a layer, in logits. */
  label(side: Side, label: number): Floats {
    return this.classes[side].at(label);
  }

  /** What a cell of one layer has to do with each cell of the other. */
  between(side: Side, cell: number): Floats {
    const cells1 = this.positions.shape[2] * this.positions.shape[3];
    if (side === 1) return this.positions.values.subarray(cell * cells1, (cell + 1) * cells1);
    const cells2 = this.positions.values.length / cells1;
    return Float32Array.from({ length: cells2 }, (_, i) => this.positions.values[i * cells1 + cell]);
  }

  /** The attribution of every label at one cell of a layer, in logits. */
  labelsAt(side: Side, cell: number): Floats {
    return this.classes[side].column(cell);
  }

  /** The largest attribution of any label to any cell of a layer: the scale of bars. */
  largestLabel(side: Side): number {
    const key = `label ${side}`;
    let full = this.fulls.get(key);
    if (full === undefined) {
      full = largestSize(this.classes[side].values);
      this.fulls.set(key, full);
    }
    return full;
  }
}
