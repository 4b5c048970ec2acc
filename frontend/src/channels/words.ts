// Texts about attribution to channels.
import { type Floats, sum } from "../data/arrays";
import { counted, number, percent, signed } from "../data/numbers";
import type { Channels } from "./channels";

export function counts(values: Floats): string {
  const above = values.filter((value) => value > 0).length;
  const below = values.filter((value) => value < 0).length;
  const zero = values.length - above - below;
  return `${counted(values.length, "channel")}: ${above} above zero, ${below} below, ${zero} at zero`;
}

/** A signed completeness error as a share of what the sum should be. */
export function error({ facts }: Channels, method: number): string {
  const share = facts.completeness[method];
  return share === null ? "not defined" : signed(percent(share));
}

/** The sum over all channels, compared with what it would be if it were complete. */
export function completeness(
  channels: Channels,
  method: string | null,
  values: Floats,
  unit: string,
): string {
  if (method === null) {
    return `Gradient x activation over all channels adds up to ${signed(number(sum(values)))} ${unit}.`;
  }
  const { facts } = channels;
  const place = facts.method.indexOf(method);
  return (
    `By ${method}, all channels add up to ${signed(number(facts.sum[place]))} ${unit}; from zero activations ` +
    `to this input the score changes by ${signed(number(facts.rise))}: ` +
    `completeness error ${error(channels, place)}.`
  );
}
