// Where the cells of a layer lie over the input.
import type { Layer } from "./data";

/** A part of an image, as fractions of its width and height. */
export interface RelativeBox {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** A part of an image, in its pixels. */
export interface PixelBox {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Cells from one to the one in the opposite corner. */
export interface Block {
  cell: number;
  to: number;
}

/** The border of a cell or a block of cells, of this grid or of another one. */
export interface Outline {
  cell: number;
  to?: number;
  of?: Grid;
  colour: string;
}

export const outlined = (grid: Grid, { cell, to, of }: Outline): RelativeBox => (of ?? grid).box(cell, to);

export class Grid {
  constructor(
    readonly rows: number,
    readonly cols: number,
    /** Height and width of all cells together, as fractions of the input: over 1 where the last cells
     *  hold fewer positions than the others and so reach beyond its edge. */
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
  box(cell: number, to = cell): RelativeBox {
    const [width, height] = [this.width / this.cols, this.height / this.rows];
    const [left, top] = [(cell % this.cols) * width, Math.floor(cell / this.cols) * height];
    const [right, bottom] = [((to % this.cols) + 1) * width, (Math.floor(to / this.cols) + 1) * height];
    return { left, top, width: Math.min(right, 1) - left, height: Math.min(bottom, 1) - top };
  }

  /** The cells whose centres lie in a part of the input, or else the one that holds its centre. */
  covered({ left, top, width, height }: RelativeBox): Block {
    const along = (from: number, size: number, cell: number): [number, number] => {
      // A centre on an edge belongs to the part after it; no rounding may decide that.
      const after = (edge: number) => Math.ceil(edge / cell - 0.5 - 1e-6);
      const [first, last] = [after(from), after(from + size) - 1];
      const middle = Math.floor((from + size / 2) / cell);
      return first <= last ? [first, last] : [middle, middle];
    };
    const [top1, bottom] = along(top, height, this.height / this.rows);
    const [left1, right] = along(left, width, this.width / this.cols);
    return { cell: top1 * this.cols + left1, to: bottom * this.cols + right };
  }

  /** The cells of a block, row by row. */
  inside({ cell, to }: Block): number[] {
    const across = (to % this.cols) - (cell % this.cols) + 1;
    const down = Math.floor(to / this.cols) - Math.floor(cell / this.cols) + 1;
    return Array.from(
      { length: across * down },
      (_, i) => cell + Math.floor(i / across) * this.cols + (i % across),
    );
  }

  /** The cell at a point, given as fractions of the input's height and width. */
  at(down: number, across: number): number {
    const part = (place: number, size: number, count: number) =>
      Math.max(0, Math.min(count - 1, Math.floor((place / size) * count)));
    return part(down, this.height, this.rows) * this.cols + part(across, this.width, this.cols);
  }
}
