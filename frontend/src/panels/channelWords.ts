// Words about attribution to channels.
import { type Floats, sum } from "../data/arrays";
import type { ChannelLayer } from "../data/data";
import { number, percent, signed } from "../data/numbers";

const WHAT: Record<string, string> = {
  linear: "activation times the gradient at this input",
  path: "activation times the mean gradient on the way from an empty layer to this input",
  "path-left-100": "the same mean by 100 equal steps",
  stochastic: "the mean on a noisy way, each channel scaled at random at every step; need not add up",
};

export const what = (method: string): string => WHAT[method] ?? "a method of its own";

export function counts(values: Floats): string {
  const above = values.filter((value) => value > 0).length;
  const below = values.filter((value) => value < 0).length;
  return `${values.length} channels: ${above} above zero, ${below} below, ${values.length - above - below} at zero`;
}

/** A signed error as a share of what the sum should be. */
export function error(facts: ChannelLayer, method: number): string {
  const share = facts.completeness[method];
  return share === null ? "not defined" : signed(percent(share));
}

/** The sum over all channels beside what it would be if it were complete. */
export function addingUp(facts: ChannelLayer, method: string | null, values: Floats): string {
  if (method === null) return `The linear attribution adds up to ${signed(number(sum(values)))} logit.`;
  const place = facts.method.indexOf(method);
  return (
    `By ${method} the channels add up to ${signed(number(facts.sum[place]))} logit; from an empty layer to this ` +
    `input the score changes by ${signed(number(facts.rise))}: completeness error ${error(facts, place)}.`
  );
}
