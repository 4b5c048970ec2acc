// Attribution to the channels of one layer.
import type { Active } from "./active";
import { type Floats, type Tensor, descending, difference, largestSize, unpack } from "./arrays";
import type { ChannelLayer, Drivers } from "./data";

export interface Square {
  x: number;
  y: number;
  width: number;
  height: number;
}

export class Channels {
  private readonly largest: number;

  private constructor(
    readonly facts: ChannelLayer,
    private readonly attribution: Tensor,
    private readonly classes: Tensor,
    readonly active: Active,
  ) {
    this.largest = largestSize(classes.values);
  }

  static async read(facts: ChannelLayer, active: Active): Promise<Channels> {
    const [attribution, classes] = await Promise.all([unpack(facts.attribution), unpack(facts.classes)]);
    return new Channels(facts, attribution, classes, active);
  }

  get layer(): string {
    return this.facts.layer;
  }

  get count(): number {
    return this.classes.shape[1];
  }

  /** The attribution of the run's pair by a method, in logits. */
  byMethod(method: string): Floats {
    return this.attribution.at(Math.max(0, this.facts.method.indexOf(method)));
  }

  /** The linear attribution of one label, or of one against another, in logits. */
  linear(first: number, second: number | null): Floats {
    const found = this.classes.at(first);
    return second === null ? found : difference(found, this.classes.at(second));
  }

  /** The linear attribution of every label to one channel, in logits. */
  labelsOf(channel: number): Floats {
    return this.classes.column(channel);
  }

  /** The largest attribution of any label to any channel: the scale of bars. */
  get largestLabel(): number {
    return this.largest;
  }
}

/** The strongest channels: those above zero from the largest down, those below from the least up. */
export function strongest(values: Floats, most: number): { above: number[]; below: number[] } {
  const order = descending(values);
  return {
    above: order.slice(0, most).filter((channel) => values[channel] > 0),
    below: order.slice(-most).filter((channel) => values[channel] < 0),
  };
}

export interface Driver {
  channel: number;
  value: number;
}

/** Which channels of the earlier layer drive those of the later one. */
export class DriverTable {
  private constructor(
    private readonly channel: readonly number[][],
    private readonly value: Tensor,
  ) {}

  static async read({ channel, value }: Drivers): Promise<DriverTable> {
    return new DriverTable(channel, await unpack(value));
  }

  /** The strongest first, with what each adds in activation units. */
  of(channel: number): Driver[] {
    const values = this.value.at(channel);
    return this.channel[channel].map((number, i) => ({ channel: number, value: values[i] }));
  }
}
