// The activation grid of a layer: a small picture for each position.
import { type Floats, largestSize, unpack } from "./arrays";
import type { Square } from "./channels";
import type { PackedGrid, Picture } from "./data";
import { type Block, Grid } from "./grid";
import { number } from "./numbers";
import { TileSheet } from "./tiles";

export class Cells {
  readonly grid: Grid;

  private constructor(
    readonly facts: PackedGrid,
    /** Length of each position's activation vector. */
    readonly magnitude: Floats,
    private readonly tiles: TileSheet,
    /** Of each cell a middle, as large as its vector is long; the rest transparent. */
    private readonly sized: Picture,
  ) {
    this.grid = new Grid(facts.rows, facts.cols);
  }

  static async read(facts: PackedGrid): Promise<Cells> {
    const magnitude = (await unpack(facts.magnitude)).at(0);
    const tiles = new TileSheet(facts.sheet);
    return new Cells(facts, magnitude, tiles, await middles(tiles, magnitude));
  }

  get layer(): string {
    return this.facts.layer;
  }

  picture(sized: boolean): Picture {
    return sized ? this.sized : this.tiles.picture;
  }

  /** How long the vectors of a block are, in words. */
  lengths(block: Block): string {
    const found = this.grid.inside(block).map((cell) => this.magnitude[cell]);
    const [least, most] = [Math.min(...found), Math.max(...found)].map(number);
    return found.length > 1 ? `vectors of length ${least} to ${most}` : `vector of length ${most}`;
  }

  /** Where a cell, or a block of them, lies on the whole picture. */
  part(cell: number, to = cell): Square {
    return this.tiles.part(cell, to);
  }
}

async function middles({ picture, sheet }: TileSheet, magnitude: Floats): Promise<Picture> {
  const image = new Image();
  image.src = picture.uri;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.cols, picture.rows];
  const context = canvas.getContext("2d");
  if (!context) return picture;
  const most = largestSize(magnitude) || 1;
  for (const [i, length] of magnitude.entries()) {
    const side = Math.round((length / most) * sheet.side);
    const start = Math.floor((sheet.side - side) / 2);
    const [x, y] = [(i % sheet.wrap) * sheet.side + start, Math.floor(i / sheet.wrap) * sheet.side + start];
    if (side > 0) context.drawImage(image, x, y, side, side, x, y, side, side);
  }
  return { ...picture, uri: canvas.toDataURL() };
}
