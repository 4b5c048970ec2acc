// A scene as SVG: text is text, a cell is a rectangle.
import type { PageImage } from "../data/data";
import { type RelativeBox, outlined } from "../data/grid";
import { type Box, FONT, type Item, type Map, type Scene } from "./scene";

export function toSvg(scene: Scene): string {
  const { width, height, title } = scene;
  // An image that is shown several times is written once.
  const images = [...new Set(scene.items.flatMap((item) => (item.kind === "map" ? [item.image] : [])))];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${FONT}" role="img" aria-label="${escaped(title)}">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    "<defs>",
    ...images.map(
      ({ uri, rows, cols }, i) =>
        `<image id="image${i}" width="${cols}" height="${rows}" preserveAspectRatio="none" href="${uri}"/>`,
    ),
    "</defs>",
    ...scene.items.map((item) => element(item, images)),
    "</svg>\n",
  ].join("\n");
}

function escaped(text: string): string {
  return (
    text
      // XML cannot represent most control characters.
      // eslint-disable-next-line no-control-regex
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, "")
      .replace(/&/g, "&amp;")
      .replace(/</g, "&lt;")
      .replace(/>/g, "&gt;")
      .replace(/"/g, "&quot;")
  );
}

const round = (value: number): number => Math.round(value * 100) / 100;

function at({ x, y, width, height }: Box): string {
  return `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"`;
}

function element(item: Item, images: readonly PageImage[]): string {
  switch (item.kind) {
    case "text":
      return `<text x="${round(item.x)}" y="${round(item.y)}" font-size="${item.size}"${item.bold ? ' font-weight="bold"' : ""} fill="${item.colour}"${item.anchor === "start" ? "" : ` text-anchor="${item.anchor}"`}>${escaped(item.text)}</text>`;
    case "rect":
      return `<rect ${at(item)} fill="${item.fill}"/>`;
    case "shape":
      return `<path d="${item.path}" transform="translate(${round(item.x)} ${round(item.y)}) scale(${round(item.width)} 1)" fill="${item.fill}" fill-opacity="${item.opacity}"/>`;
    case "map":
      return map(item, images.indexOf(item.image));
  }
}

function map(item: Map, place: number): string {
  const { image, part, grid, pixels, outlines } = item;
  const view = part ?? { x: 0, y: 0, width: image.cols, height: image.rows };
  const parts = [
    `<svg ${at(item)} viewBox="${[view.x, view.y, view.width, view.height].map(round).join(" ")}" preserveAspectRatio="none" overflow="hidden">`,
    `<use href="#image${place}"/>`,
    "</svg>",
  ];
  if (!grid) return parts.join("\n");
  const placed = ({ left, top, width, height }: RelativeBox): Box => ({
    x: item.x + left * item.width,
    y: item.y + top * item.height,
    width: width * item.width,
    height: height * item.height,
  });
  if (pixels) {
    parts.push(`<g class="cells" opacity="${item.opacity}" shape-rendering="crispEdges">`);
    for (let i = 0; i < grid.cells; i++) {
      parts.push(`<rect ${at(placed(grid.box(i)))} fill="${hex(pixels, i)}"/>`);
    }
    parts.push("</g>");
  }
  for (const outline of outlines) {
    const box = at(placed(outlined(grid, outline)));
    parts.push(`<rect ${box} fill="none" stroke="#ffffff" stroke-width="4"/>`);
    parts.push(`<rect ${box} fill="none" stroke="${outline.colour}" stroke-width="2"/>`);
  }
  return parts.join("\n");
}

function hex(pixels: ArrayLike<number>, i: number): string {
  const bytes = [0, 1, 2].map((band) => pixels[4 * i + band].toString(16).padStart(2, "0"));
  return `#${bytes.join("")}`;
}
