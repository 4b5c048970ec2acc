// A view as a list of items at places, from which both a vector file and a bitmap are made.
import type { Pixels } from "../data/colours";
import type { PageImage } from "../data/data";
import type { Grid, Outline } from "../data/grid";

export const FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";
export const INK = "#1b1b1d";
export const SOFT = "#55595e";

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Text {
  kind: "text";
  x: number;
  /** Of the baseline. */
  y: number;
  text: string;
  size: number;
  bold: boolean;
  colour: string;
  anchor: "start" | "middle" | "end";
}

export interface Rect extends Box {
  kind: "rect";
  fill: string;
}

/** The input, or a part of it, with the cells of a layer over it. */
export interface Map extends Box {
  kind: "map";
  image: PageImage;
  /** Left, top and size in pixels of the input; the whole where it is missing. */
  part?: Box;
  /** What lies over the image, if anything does. */
  grid: Grid | null;
  pixels: Pixels | null;
  opacity: number;
  outlines: readonly Outline[];
}

/** A filled shape, as the path of an SVG whose width is 1 before it is placed. */
export interface Shape {
  kind: "shape";
  path: string;
  x: number;
  y: number;
  width: number;
  fill: string;
  opacity: number;
}

export type Item = Text | Rect | Shape | Map;

const LEADING = 1.35; // of lines, in font sizes

export class Scene {
  readonly items: Item[] = [];
  /** Where the next item may begin. */
  bottom: number;

  constructor(
    readonly title: string,
    readonly width: number,
    readonly margin = 20,
  ) {
    this.bottom = margin;
  }

  get height(): number {
    return Math.ceil(this.bottom + this.margin);
  }

  get inner(): number {
    return this.width - 2 * this.margin;
  }

  add(item: Item): void {
    this.items.push(item);
  }

  rect(x: number, y: number, width: number, height: number, fill: string): void {
    this.add({ kind: "rect", x, y, width, height, fill });
  }

  /** Put an image with cells over it, of a given width; returns where it ends. */
  map(
    { x, y, width }: { x: number; y: number; width: number },
    image: PageImage,
    grid: Grid | null,
    pixels: Pixels | null,
    opacity: number,
    { part, outlines = [] }: { part?: Box; outlines?: Map["outlines"] } = {},
  ): number {
    const height = (width * (part?.height ?? image.rows)) / (part?.width ?? image.cols);
    this.add({ kind: "map", x, y, width, height, image, part, grid, pixels, opacity, outlines });
    return y + height;
  }

  /** Put one line of text, shortened where it is too long. */
  line(
    x: number,
    y: number,
    text: string,
    { size = 13, bold = false, colour = INK, anchor = "start" as Text["anchor"], room = Infinity } = {},
  ): void {
    this.add({ kind: "text", x, y, text: shortened(text, size, bold, room), size, bold, colour, anchor });
  }

  /** Put a text below what is there, in as many lines as it needs. */
  paragraph(text: string, { size = 12, bold = false, colour = SOFT } = {}): void {
    for (const line of wrapped(text, size, bold, this.inner)) {
      this.line(this.margin, this.bottom + size, line, { size, bold, colour });
      this.bottom += size * LEADING;
    }
  }

  heading(text: string): void {
    this.paragraph(text, { size: 16, bold: true, colour: INK });
    this.bottom += 4;
  }
}

let context: CanvasRenderingContext2D | null = null;

function widthOf(text: string, size: number, bold: boolean): number {
  context ??= document.createElement("canvas").getContext("2d");
  if (!context) return 0.55 * size * text.length;
  context.font = `${bold ? "bold " : ""}${size}px ${FONT}`;
  return context.measureText(text).width;
}

export function shortened(text: string, size: number, bold: boolean, room: number): string {
  if (widthOf(text, size, bold) <= room) return text;
  let start = text;
  while (start && widthOf(`${start}…`, size, bold) > room) start = start.slice(0, -1);
  return `${start.trimEnd()}…`;
}

function wrapped(text: string, size: number, bold: boolean, room: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    const longer = line ? `${line} ${word}` : word;
    if (line && widthOf(longer, size, bold) > room) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line].map((each) => shortened(each, size, bold, room));
}
