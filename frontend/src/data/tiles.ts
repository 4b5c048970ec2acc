// Many small pictures on one sheet.
import type { Square } from "./channels";
import type { Picture, Sheet, SpriteSheet } from "./data";

export class TileSheet {
  readonly picture: Picture;

  constructor(readonly sheet: Sheet) {
    const { uri, side, wrap, count } = sheet;
    this.picture = { uri, rows: Math.ceil(count / wrap) * side, cols: Math.min(wrap, count) * side };
  }

  /** Where a tile lies on the sheet, or all from it to another, in pixels. */
  part(tile: number, to = tile): Square {
    const { side, wrap } = this.sheet;
    const [col, row] = [tile % wrap, Math.floor(tile / wrap)];
    const [cols, rows] = [(to % wrap) - col + 1, Math.floor(to / wrap) - row + 1];
    return { x: col * side, y: row * side, width: cols * side, height: rows * side };
  }
}

/** Sprites of some channels of a layer. */
export class Sprites {
  readonly picture: Picture;
  private readonly tiles: TileSheet;
  private readonly places: ReadonlyMap<number, number>;

  constructor(sheet: SpriteSheet) {
    this.tiles = new TileSheet(sheet);
    this.picture = this.tiles.picture;
    this.places = new Map(sheet.channels.map((channel, place) => [channel, place]));
  }

  /** Where a channel's sprite lies on the sheet; null where it is not there. */
  part(channel: number): Square | null {
    const place = this.places.get(channel);
    return place === undefined ? null : this.tiles.part(place);
  }
}
