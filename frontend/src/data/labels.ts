// The labels of the network: their names, and searching among a thousand.
import { type Floats, descending } from "./arrays";
import { chance, number } from "./numbers";

export class Labels {
  /** What each label is called on the page: a repeated name is followed by its index. */
  readonly names: string[];
  /** Places, the most probable first, or those of the largest outputs. */
  readonly byScore: number[];
  private readonly places: Map<number, number>;
  private readonly rank: number[] = [];

  constructor(
    names: readonly string[],
    readonly index: readonly number[],
    private readonly scores: Floats,
    /** What attributions to labels are in, and whether the scores are probabilities. */
    readonly unit: "logit" | "output" = "logit",
  ) {
    const times = new Map<string, number>();
    for (const name of names) times.set(name, (times.get(name) ?? 0) + 1);
    this.names = names.map((name, i) => ((times.get(name) ?? 0) > 1 ? `${name} [${index[i]}]` : name));
    this.places = new Map(index.map((entry, place) => [entry, place]));
    this.byScore = descending(scores);
    for (const [rank, place] of this.byScore.entries()) this.rank[place] = rank;
  }

  /** The probability of a label, or its output, as text. */
  score(place: number): string {
    const value = this.scores[place];
    return this.unit === "logit" ? chance(value) : number(value);
  }

  get count(): number {
    return this.names.length;
  }

  /** The place of the label with an index of the network's own, or null. */
  placeOf(index: number): number | null {
    return this.places.get(index) ?? null;
  }

  /** Places of the labels that match a text, the best first: the name contains all its words. */
  search(text: string): number[] {
    const words = text.trim().toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length === 0) return this.byScore;
    const found: [number, number][] = [];
    for (let place = 0; place < this.count; place++) {
      const fit = this.match(place, words);
      if (fit < 4) found.push([fit, place]);
    }
    found.sort((a, b) => a[0] - b[0] || this.rank[a[1]] - this.rank[b[1]]);
    return found.map(([, place]) => place);
  }

  /** 0 for the index itself, 1 where the name begins so, 2 where its words do, 3 for parts; 4: no match. */
  private match(place: number, words: string[]): number {
    const name = this.names[place].toLowerCase();
    if (words.length === 1 && words[0] === String(this.index[place])) return 0;
    if (!words.every((word) => name.includes(word))) return 4;
    if (name.startsWith(words.join(" "))) return 1;
    const parts = name.split(/[^\p{L}\p{N}]+/u);
    return words.every((word) => parts.some((part) => part.startsWith(word))) ? 2 : 3;
  }
}
