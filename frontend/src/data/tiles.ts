// Many small images on one sheet.
import type { PageImage } from "./data";
import type { PixelBox } from "./grid";

/** Tile n is in column n % wrap, row n // wrap. */
export interface PackedSheet {
  uri: string;
  /** Of a tile, in pixels. */
  side: number;
  wrap: number;
  count: number;
}

export class TileSheet {
  readonly image: PageImage;

  constructor(readonly sheet: PackedSheet) {
    const { uri, side, wrap, count } = sheet;
    this.image = { uri, rows: Math.ceil(count / wrap) * side, cols: Math.min(wrap, count) * side };
  }

  /** Where a tile lies on the sheet, or all from it to another. */
  box(tile: number, to = tile): PixelBox {
    const { side, wrap } = this.sheet;
    const [col, row] = [tile % wrap, Math.floor(tile / wrap)];
    const [cols, rows] = [(to % wrap) - col + 1, Math.floor(to / wrap) - row + 1];
    return { x: col * side, y: row * side, width: cols * side, height: rows * side };
  }
}
