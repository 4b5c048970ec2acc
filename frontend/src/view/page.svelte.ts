// What all panels of a page share: its data, the labels and the colours that the reader chose.
import { Tensor, unpack } from "../data/arrays";
import { type Palette, readPalette } from "../data/colours";
import type { Data } from "../data/data";
import { Labels } from "../data/labels";
import { type ViewPart, whole } from "./fragment";

/** What channels are shown as, where there are sprites and exemplars; the first unless chosen. */
export const PICTURES = ["both", "sprites", "exemplars"] as const;

export class Page implements ViewPart {
  readonly palettes: readonly Palette[];
  /** Everything that a link restores; panels add what is theirs. */
  readonly parts: ViewPart[] = [this];

  first = $state(0);
  /** null where the first label stands alone. */
  second = $state<number | null>(null);
  palette = $state("");
  opacity = $state(0);
  pictures = $state<string>(PICTURES[0]);

  private constructor(
    readonly data: Data,
    readonly labels: Labels,
  ) {
    this.palettes = data.palettes.map(readPalette);
    this.palette = this.palettes[0].name;
    this.opacity = data.opacity;
    this.resetLabels();
  }

  static async of(data: Data): Promise<Page> {
    const { labels } = data;
    const packed = labels?.probability ?? labels?.output;
    const scores = packed ? await unpack(packed) : new Tensor([1, 0], new Float32Array());
    const unit = labels?.output ? "output" : "logit";
    return new Page(data, new Labels(labels?.name ?? [], labels?.index ?? [], scores.values, unit));
  }

  /** What several panels share, of one kind. */
  shared<Kind>(kind: string): Kind {
    return this.data.shared[kind] as Kind;
  }

  /** Let links restore a part of the view. */
  restore<Part extends ViewPart>(part: Part): Part {
    this.parts.push(part);
    return part;
  }

  entries(): [string, string][] {
    const { first, second, palette, opacity, pictures, data, labels } = this;
    const entries: [string, string][] = [];
    if (!this.hasOwnLabels) {
      entries.push(["first", String(labels.index[first])]);
      entries.push(["second", second === null ? "none" : String(labels.index[second])]);
    }
    if (palette !== this.palettes[0].name) entries.push(["palette", palette]);
    if (opacity !== data.opacity) entries.push(["opacity", String(opacity)]);
    if (pictures !== PICTURES[0]) entries.push(["pictures", pictures]);
    return entries;
  }

  read(parameters: URLSearchParams): void {
    const label = (key: string) => this.labels.placeOf(whole(parameters.get(key)) ?? -1);
    const first = label("first");
    if (first === null) this.resetLabels();
    else [this.first, this.second] = [first, label("second")];
    const palette = parameters.get("palette");
    this.palette = (this.palettes.find(({ name }) => name === palette) ?? this.palettes[0]).name;
    const pictures = parameters.get("pictures");
    this.pictures = PICTURES.find((known) => known === pictures) ?? PICTURES[0];
    const opacity = parameters.get("opacity") ?? "";
    this.opacity = /^(0|1|0?\.\d+)$/.test(opacity) ? Number(opacity) : this.data.opacity;
  }

  get colours(): Palette {
    return this.palettes.find((palette) => palette.name === this.palette) ?? this.palettes[0];
  }

  /** For values without a sign: the chosen palette if it has none either, else the first such. */
  get unsignedColours(): Palette {
    const chosen = this.colours;
    return chosen.signed ? (this.palettes.find((palette) => !palette.signed) ?? chosen) : chosen;
  }

  get firstName(): string {
    return this.labels.names[this.first] ?? "";
  }

  get secondName(): string | null {
    return this.second === null ? null : this.labels.names[this.second];
  }

  /** The places of the chosen labels. */
  get chosen(): number[] {
    return this.second === null ? [this.first] : [this.first, this.second];
  }

  /** Whether the labels are those that the run compares. */
  get hasOwnLabels(): boolean {
    const { contrast } = this.data;
    return this.first === (contrast?.first ?? 0) && this.second === (contrast?.second ?? null);
  }

  /** The score that is attributed, in words. */
  get scoreWords(): string {
    if (this.hasOwnLabels && this.data.contrast) return this.data.contrast.text;
    return this.secondName === null ? this.firstName : `${this.firstName} \u2212 ${this.secondName}`;
  }

  resetLabels(): void {
    const { contrast } = this.data;
    [this.first, this.second] = [contrast?.first ?? 0, contrast?.second ?? null];
  }
}
