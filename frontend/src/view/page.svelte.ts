// What all panels of a page share: its data, and what the reader chose.
import { Active } from "../data/active";
import { Tensor, placeOfLargest, unpack } from "../data/arrays";
import { Cells } from "../data/cells";
import { Channels, DriverTable } from "../data/channels";
import { type Palette, readPalette } from "../data/colours";
import type { Data, Picture } from "../data/data";
import { dimmed } from "../data/dimmed";
import type { Grid } from "../data/grid";
import { Groups } from "../data/groups";
import { Labels } from "../data/labels";
import { Maps, type Side } from "../data/maps";
import { Sprites } from "../data/tiles";
import { type ChannelAt, type Choice, type Known, type Pinned, type Scale, type Spot } from "./fragment";

export interface Hovered {
  side: Side;
  cell: number;
}

/** A layer that is shown position by position. */
export interface Field {
  name: string;
  grid: Grid;
}

export class Page implements Choice {
  readonly palettes: readonly Palette[];
  /** The view that the page opens with. */
  readonly own: Choice;
  /** The layers of activation grids and of the dictionary. */
  readonly fields: readonly Field[];
  /** The position that is shown where none is pointed at or kept. */
  readonly resting: Spot;

  first = $state(0);
  second = $state<number | null>(null);
  palette = $state("");
  opacity = $state(0);
  scale = $state<Scale>("own");
  pinned = $state<Pinned | null>(null);
  method = $state("");
  trail = $state<ChannelAt[]>([]);
  group = $state<number | null>(null);
  spot = $state<Spot | null>(null);
  entry = $state<number | null>(null);
  sized = $state(false);
  /** The position pointed at, in activation grids and the dictionary. */
  pointed = $state<Spot | null>(null);
  /** The cell pointed at, in every panel of maps. */
  hovered = $state<Hovered | null>(null);

  private constructor(
    readonly data: Data,
    readonly labels: Labels,
    readonly maps: readonly Maps[],
    /** The earlier layer and, on some pages, the later one. */
    readonly channels: readonly Channels[],
    readonly drivers: DriverTable | null,
    readonly groups: Groups | null,
    readonly grids: readonly Cells[],
    /** The activations that the dictionary looks into. */
    readonly dictionary: Active | null,
    /** The input in grey, to lie below what has no sign. */
    readonly dimmed: Picture,
  ) {
    this.palettes = data.palettes.map(readPalette);
    const fields = grids.map(({ layer, grid }) => ({ name: layer, grid }));
    if (dictionary && fields.every(({ name }) => name !== dictionary.layer)) {
      fields.push({ name: dictionary.layer, grid: dictionary.grid });
    }
    this.fields = fields;
    this.resting = dictionary
      ? { field: this.fieldOf(dictionary.layer), cell: data.dictionary?.telling[0] ?? 0 }
      : { field: 0, cell: grids.length > 0 ? placeOfLargest(grids[0].magnitude) : 0 };
    this.own = {
      first: data.pair?.first ?? 0,
      second: data.pair?.second ?? null,
      palette: this.palettes[0].name,
      opacity: data.opacity,
      scale: "own",
      pinned: null,
      method: data.channels?.[0]?.method[0] ?? "",
      trail: [],
      group: null,
      spot: null,
      entry: null,
      sized: data.sized ?? false,
    };
    this.choose(this.own);
  }

  static async of(data: Data): Promise<Page> {
    const { labels } = data;
    const probability = labels ? await unpack(labels.probability) : new Tensor([1, 0], new Float32Array());
    const maps = Object.entries(data.maps ?? {}).map(([override, packed]) => Maps.read(override, packed));
    const active = new Map<string, Active>();
    for (const [layer, packed] of Object.entries(data.activations ?? {})) {
      const sheet = data.sprites?.[layer];
      active.set(layer, new Active(layer, await unpack(packed), sheet ? new Sprites(sheet) : null));
    }
    return new Page(
      data,
      new Labels(labels?.name ?? [], labels?.index ?? [], probability.values),
      await Promise.all(maps),
      await Promise.all((data.channels ?? []).map((facts) => Channels.read(facts, active.get(facts.layer) as Active))),
      data.drivers ? await DriverTable.read(data.drivers) : null,
      data.neurons ? await Groups.read(data.neurons) : null,
      await Promise.all((data.grids ?? []).map(Cells.read)),
      (data.dictionary && active.get(data.dictionary.layer)) ?? null,
      data.channels || data.neurons || data.dictionary ? await dimmed(data.picture) : data.picture,
    );
  }

  get choice(): Choice {
    const { first, second, palette, opacity, scale, pinned, method, trail, group, spot, entry, sized } = this;
    return { first, second, palette, opacity, scale, pinned, method, trail, group, spot, entry, sized };
  }

  choose(choice: Choice): void {
    Object.assign(this, choice);
  }

  get known(): Known {
    const { labels, data } = this;
    const cells = data.layers.map((layer) => (layer.rows ?? 0) * (layer.cols ?? 0));
    const channels = [0, 1].map((side) => data.channels?.[side]?.classes.shape[1] ?? 0);
    return {
      placeOf: (index) => labels.placeOf(index),
      indexOf: (place) => labels.index[place],
      palettes: this.palettes.map((palette) => palette.name),
      methods: data.channels?.[0]?.method ?? [],
      cells: [cells[0], cells[1]],
      channels: [channels[0], channels[1]],
      groups: data.neurons?.magnitude.length ?? 0,
      fields: this.fields.map(({ name, grid }) => ({ name, cells: grid.cells })),
      entries: this.dictionary?.count ?? 0,
    };
  }

  get colours(): Palette {
    return this.palettes.find((palette) => palette.name === this.palette) ?? this.palettes[0];
  }

  /** For what has no sign: the chosen palette if it has none either, else the first such. */
  get plainColours(): Palette {
    const chosen = this.colours;
    return chosen.signed ? (this.palettes.find((palette) => !palette.signed) ?? chosen) : chosen;
  }

  get firstName(): string {
    return this.labels.names[this.first] ?? "";
  }

  get secondName(): string | null {
    return this.second === null ? null : this.labels.names[this.second];
  }

  /** Whether the labels are those that the run asks about. */
  get ownPair(): boolean {
    return this.first === this.own.first && this.second === this.own.second;
  }

  /** The score that is attributed to channels, in words. */
  get scoreWords(): string {
    if (this.ownPair && this.data.pair) return this.data.pair.text;
    return this.secondName === null ? this.firstName : `${this.firstName} \u2212 ${this.secondName}`;
  }

  resetLabels(): void {
    this.first = this.own.first;
    this.second = this.own.second;
  }

  /** Keep a cell, let it go, or compare it with the one kept already. */
  press(side: Side, cell: number): void {
    const kept = this.pinned;
    if (!kept || kept.side !== side) {
      this.pinned = { side, cells: [cell] };
    } else if (kept.cells.includes(cell)) {
      const rest = kept.cells.filter((other) => other !== cell);
      this.pinned = rest.length > 0 ? { side, cells: rest } : null;
    } else {
      this.pinned = { side, cells: [kept.cells[0], cell] };
    }
  }

  letGo(): void {
    this.pinned = null;
  }

  fieldOf(layer: string): number {
    return this.fields.findIndex(({ name }) => name === layer);
  }

  /** The position that activation grids and the dictionary show. */
  get looked(): Spot {
    return this.pointed ?? this.spot ?? this.resting;
  }

  /** Keep a position of a layer, or let it go. */
  keep(field: number, cell: number): void {
    const same = this.spot?.field === field && this.spot.cell === cell;
    this.spot = same ? null : { field, cell };
  }
}
