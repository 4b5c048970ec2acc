// What channels respond to, in pictures: rendered sprites, and exemplars from a data set.
import type { PageImage } from "../data/data";
import type { PixelBox } from "../data/grid";
import { type PackedSheet, TileSheet } from "../data/tiles";
import type { Page } from "../view/page.svelte";

/** The pictures of some channels of a layer; channels says whose tile is which. */
interface ChannelSheet extends PackedSheet {
  channels: number[];
  /** Of exemplars: the data set and the receptive field. */
  words: string;
}

/** A picture of a channel, and what it is. */
export interface Picture {
  image: PageImage;
  box: PixelBox;
  words: string;
}

class Pictured {
  private readonly tiles: TileSheet;
  private readonly places: ReadonlyMap<number, number>;

  constructor(
    readonly sheet: ChannelSheet,
    private readonly what: string,
  ) {
    this.tiles = new TileSheet(sheet);
    this.places = new Map(sheet.channels.map((channel, place) => [channel, place]));
  }

  /** A channel's picture; null where it is not in the page. */
  of(channel: number): Picture | null {
    const place = this.places.get(channel);
    if (place === undefined) return null;
    return { image: this.tiles.image, box: this.tiles.box(place), words: `${this.what} ${channel}` };
  }
}

export class Pictures {
  constructor(
    private readonly page: Page,
    private readonly layer: string,
    private readonly sprites: Pictured | null,
    private readonly exemplars: Pictured | null,
  ) {}

  /** What the reader chose to see of a channel, or else what there is. */
  of(channel: number): Picture[] {
    const [sprite, exemplars] = [this.sprites, this.exemplars].map((sheet) => sheet?.of(channel) ?? null);
    const { pictures } = this.page;
    const chosen = pictures === "sprites" ? [sprite ?? exemplars] : [exemplars ?? sprite];
    const shown = pictures === "both" ? [sprite, exemplars] : chosen;
    return shown.filter((picture) => picture !== null);
  }

  get any(): boolean {
    return this.sprites !== null || this.exemplars !== null;
  }

  /** Whether there is a choice. */
  get both(): boolean {
    return this.sprites !== null && this.exemplars !== null;
  }

  /** What exemplars are from; empty where none are shown. */
  get note(): string {
    const shown = this.exemplars !== null && !(this.both && this.page.pictures === "sprites");
    return shown ? `Exemplars, the four strongest: ${this.exemplars?.sheet.words ?? ""}.` : "";
  }

  /** The address of a channel's article on the pages of its layer; null where there are none. */
  address(channel: number): string | null {
    const pages = this.page.shared<Record<string, string> | undefined>("channel_pages");
    const first = pages?.[this.layer];
    return first === undefined ? null : `${first}#${channel}`;
  }
}

/** The pictures of the channels of a layer. */
export function picturesOf(page: Page, layer: string): Pictures {
  const sheet = (kind: string, what: string) => {
    const found = page.shared<Record<string, ChannelSheet> | undefined>(kind)?.[layer];
    return found ? new Pictured(found, what) : null;
  };
  const exemplars = sheet("exemplars", "Exemplars of channel");
  return new Pictures(page, layer, sheet("sprites", "Sprite of channel"), exemplars);
}
