// Attribution maps of two layers under one gradient.
import { type Floats, type Tensor, largestAbs, unpack } from "../data/arrays";
import type { LayerIndex, Packed } from "../data/data";

export interface PackedMaps {
  /** (label, row, col) for the earlier and the later layer, in logits. */
  label_attribution: [Packed, Packed];
  /** (row2, col2, row1, col1), in units of the later layer's activations. */
  position_attribution: Packed;
}

export const otherLayer = (layer: LayerIndex): LayerIndex => (layer === 0 ? 1 : 0);

export class Maps {
  /** The largest absolute value between positions: the common scale of all maps. */
  readonly full: number;
  private readonly fulls: readonly [number, number];

  constructor(
    readonly override: string,
    private readonly labels: readonly [Tensor, Tensor],
    private readonly positions: Tensor,
  ) {
    this.full = largestAbs(positions.values);
    this.fulls = [largestAbs(labels[0].values), largestAbs(labels[1].values)];
  }

  static async read(override: string, packed: PackedMaps): Promise<Maps> {
    const [first, second, positions] = await Promise.all(
      [...packed.label_attribution, packed.position_attribution].map(unpack),
    );
    return new Maps(override, [first, second], positions);
  }

  /** The attribution of a label to the cells of a layer, in logits. */
  label(layer: LayerIndex, label: number): Floats {
    return this.labels[layer].at(label);
  }

  /** The attribution between a cell of one layer and each cell of the other. */
  between(layer: LayerIndex, cell: number): Floats {
    const cells1 = this.positions.shape[2] * this.positions.shape[3];
    if (layer === 1) return this.positions.values.subarray(cell * cells1, (cell + 1) * cells1);
    const cells2 = this.positions.values.length / cells1;
    return Float32Array.from({ length: cells2 }, (_, i) => this.positions.values[i * cells1 + cell]);
  }

  /** The attribution of every label at one cell of a layer, in logits. */
  labelsAt(layer: LayerIndex, cell: number): Floats {
    return this.labels[layer].column(cell);
  }

  /** The largest attribution of any label to any cell of a layer: the scale of bars. */
  largestLabel(layer: LayerIndex): number {
    return this.fulls[layer];
  }
}
