// Where the cells of a layer lie over the picture.
import type { Layer } from "./data";

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

  /** Where a cell lies, in parts of the picture. */
  box(cell: number): { left: number; top: number; width: number; height: number } {
    const [width, height] = [this.width / this.cols, this.height / this.rows];
    const [left, top] = [(cell % this.cols) * width, Math.floor(cell / this.cols) * height];
    return { left, top, width: Math.min(width, 1 - left), height: Math.min(height, 1 - top) };
  }

  /** The cell at a place, in parts of the picture. */
  at(down: number, across: number): number {
    const part = (place: number, size: number, count: number) =>
      Math.max(0, Math.min(count - 1, Math.floor((place / size) * count)));
    return part(down, this.height, this.rows) * this.cols + part(across, this.width, this.cols);
  }
}
