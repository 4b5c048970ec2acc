// Attribution to the channels of one layer.
import { type Floats, type Tensor, descending, difference, largestSize, placeOfLargest, unpack } from "./arrays";
import type { ChannelLayer, Drivers, Picture } from "./data";
import { Grid } from "./grid";

const PART = 3; // the part of the input that drives a channel: a third of its shorter side

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
    private readonly activations: Tensor,
  ) {
    this.largest = largestSize(classes.values);
  }

  static async read(facts: ChannelLayer): Promise<Channels> {
    const [attribution, classes, activations] = await Promise.all([
      unpack(facts.attribution),
      unpack(facts.classes),
      unpack(facts.activations),
    ]);
    return new Channels(facts, attribution, classes, activations);
  }

  get layer(): string {
    return this.facts.layer;
  }

  get count(): number {
    return this.classes.shape[1];
  }

  get grid(): Grid {
    return new Grid(this.activations.shape[1], this.activations.shape[2]);
  }

  get cols(): number {
    return this.activations.shape[2];
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

  activation(channel: number): Floats {
    return this.activations.at(channel);
  }

  /** The part of the input around the channel's largest activation, in pixels. */
  driving(channel: number, picture: Picture): Square {
    const side = Math.max(1, Math.floor(Math.min(picture.rows, picture.cols) / PART));
    const box = this.grid.box(placeOfLargest(this.activation(channel)));
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
