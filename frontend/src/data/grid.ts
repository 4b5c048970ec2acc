// Where the cells of a layer lie over the picture.
import type { Layer } from "./data";

/** In parts of the picture. */
export interface Part {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Cells from one to the one in the opposite corner. */
export interface Block {
  cell: number;
  to: number;
}

/** The border of a cell, or of a block of cells; of another grid than the one it lies over. */
export interface Outline {
  cell: number;
  to?: number;
  of?: Grid;
  colour: string;
}

export const outlined = (grid: Grid, { cell, to, of }: Outline): Part => (of ?? grid).box(cell, to);

export class Grid {
  constructor(
    readonly rows: number,
    readonly cols: number,
    /** Height and width of all cells together, as parts of the picture: over 1 where the last cells
     *  hold fewer positions than the others, and reach beyond. */
    readonly height = 1,
    readonly width = 1,
  ) {}

  static of({ rows, cols, pooled, grid }: Layer): Grid {
    if (!grid || pooled === 1) return new Grid(rows, cols);
    return new Grid(rows, cols, (rows * pooled) / grid[0], (cols * pooled) / grid[1]);
  }

  get cells(): number {
    return this.rows * this.cols;
  }

  /** Where a cell lies, or all cells from it to another. */
  box(cell: number, to = cell): Part {
    const [width, height] = [this.width / this.cols, this.height / this.rows];
    const [left, top] = [(cell % this.cols) * width, Math.floor(cell / this.cols) * height];
    const [right, bottom] = [((to % this.cols) + 1) * width, (Math.floor(to / this.cols) + 1) * height];
    return { left, top, width: Math.min(right, 1) - left, height: Math.min(bottom, 1) - top };
  }

  /** The cells whose centres lie in a part of the picture, or else the one that its centre lies in. */
  covered({ left, top, width, height }: Part): Block {
    const along = (from: number, size: number, cell: number): [number, number] => {
      // A centre on an edge belongs to the part behind it; no rounding may decide that.
      const behind = (edge: number) => Math.ceil(edge / cell - 0.5 - 1e-6);
      const [first, last] = [behind(from), behind(from + size) - 1];
      const middle = Math.floor((from + size / 2) / cell);
      return first <= last ? [first, last] : [middle, middle];
    };
    const [top1, bottom] = along(top, height, this.height / this.rows);
    const [left1, right] = along(left, width, this.width / this.cols);
    return { cell: top1 * this.cols + left1, to: bottom * this.cols + right };
  }

  /** The cells of a block, row by row. */
  inside({ cell, to }: Block): number[] {
    const [across, down] = [(to % this.cols) - (cell % this.cols), Math.floor(to / this.cols) - Math.floor(cell / this.cols)];
    const count = (across + 1) * (down + 1);
    return Array.from({ length: count }, (_, i) => cell + Math.floor(i / (across + 1)) * this.cols + (i % (across + 1)));
  }

  /** The cell at a place, in parts of the picture. */
  at(down: number, across: number): number {
    const part = (place: number, size: number, count: number) =>
      Math.max(0, Math.min(count - 1, Math.floor((place / size) * count)));
    return part(down, this.height, this.rows) * this.cols + part(across, this.width, this.cols);
  }
}
