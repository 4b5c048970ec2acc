// Groups of a layer's neurons.
import { type Floats, type Tensor, unpack } from "./arrays";
import type { NeuronGroups } from "./data";
import { Grid } from "./grid";
import { TileSheet } from "./tiles";

export class Groups {
  readonly grid: Grid;
  /** Where each group is. */
  readonly maps: readonly Floats[];
  /** What each group responds to. */
  readonly tiles: TileSheet | null;

  private constructor(
    readonly facts: NeuronGroups,
    spatial: Tensor,
    private readonly effect: Tensor,
  ) {
    const [count, rows, cols] = spatial.shape;
    this.grid = new Grid(rows, cols);
    this.tiles = facts.sheet ? new TileSheet(facts.sheet) : null;
    this.maps = Array.from({ length: count }, (_, group) => spatial.at(group));
  }

  static async read(facts: NeuronGroups): Promise<Groups> {
    const [spatial, effect] = await Promise.all([unpack(facts.spatial), unpack(facts.effect)]);
    return new Groups(facts, spatial, effect);
  }

  get colours(): readonly string[] {
    return this.facts.colours;
  }

  /** What a group does to every label, in logits. */
  effects(group: number): Floats {
    return this.effect.at(group);
  }

  get allEffects(): Floats {
    return this.effect.values;
  }

  /** The strongest channels of a group. */
  channels(group: number, most: number): number[] {
    const { channel, value } = this.facts.channels;
    return channel[group].filter((_, i) => value[group][i] > 0).slice(0, most);
  }
}
