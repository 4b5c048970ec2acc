// Attribution to the channels of one layer.
import { type Floats, type Tensor, descending, difference, largestAbs, unpack } from "../data/arrays";
import type { Packed } from "../data/data";
import { shared } from "../view/panels";
import { type Activations, activationsOf } from "./activations";

interface PackedChannels {
  layer: string;
  method: string[];
  /** What each method multiplies, in words. */
  meaning: string[];
  /** (method, channel), in logits, for the labels that the run compares. */
  attribution: Packed;
  sum: number[];
  completeness: (number | null)[];
  steps: number[];
  rise: number;
  /** (label, channel): gradient x activation of every label, in logits. */
  label_attribution: Packed;
}

export class Channels {
  /** The largest attribution of any label to any channel: the scale of bars. */
  readonly largestLabel: number;

  private constructor(
    readonly facts: PackedChannels,
    private readonly attribution: Tensor,
    private readonly labels: Tensor,
    readonly activations: Activations,
  ) {
    this.largestLabel = largestAbs(labels.values);
  }

  static async read(facts: PackedChannels, activations: Activations): Promise<Channels> {
    const [attribution, labels] = await Promise.all([facts.attribution, facts.label_attribution].map(unpack));
    return new Channels(facts, attribution, labels, activations);
  }

  get layer(): string {
    return this.facts.layer;
  }

  get count(): number {
    return this.labels.shape[1];
  }

  /** The attribution of the run's score by a method, in logits. */
  byMethod(method: string): Floats {
    return this.attribution.at(Math.max(0, this.facts.method.indexOf(method)));
  }

  /** Gradient x activation of one label, or of its contrast with another, in logits. */
  linear(first: number, second: number | null): Floats {
    const found = this.labels.at(first);
    return second === null ? found : difference(found, this.labels.at(second));
  }

  /** Gradient x activation of every label at one channel, in logits. */
  labelsOf(channel: number): Floats {
    return this.labels.column(channel);
  }
}

/** The strongest channels: above zero from the largest down, below zero from the weakest on. */
export function strongest(values: Floats, most: number): { above: number[]; below: number[] } {
  const order = descending(values);
  return {
    above: order.slice(0, most).filter((channel) => values[channel] > 0),
    below: order.slice(-most).filter((channel) => values[channel] < 0),
  };
}

/** The layers whose channels the page shows: the earlier one and, on some pages, the later one. */
export const channelsOf = shared((page): Promise<Channels[]> =>
  Promise.all(
    page
      .shared<PackedChannels[]>("channels")
      .map(async (facts) => Channels.read(facts, await activationsOf(page, facts.layer))),
  ),
);
