// A scene as SVG: text is text, a cell is a rectangle.
import { type Box, FONT, type Item, type Map, type Scene } from "./scene";

export function toSvg(scene: Scene): string {
  const { width, height, title } = scene;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${FONT}" role="img" aria-label="${escaped(title)}">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...scene.items.map(element),
    "</svg>\n",
  ].join("\n");
}

function escaped(text: string): string {
  return text
    // XML has no way to write most control characters.
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, "")
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/"/g, "&quot;");
}

const round = (value: number): number => Math.round(value * 100) / 100;

function place({ x, y, width, height }: Box): string {
  return `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"`;
}

function element(item: Item): string {
  switch (item.kind) {
    case "text":
      return `<text x="${round(item.x)}" y="${round(item.y)}" font-size="${item.size}"${item.bold ? ' font-weight="bold"' : ""} fill="${item.colour}"${item.anchor === "start" ? "" : ` text-anchor="${item.anchor}"`}>${escaped(item.text)}</text>`;
    case "rect":
      return `<rect ${place(item)} fill="${item.fill}"/>`;
    case "image":
      return `<image ${place(item)} preserveAspectRatio="none" href="${item.uri}"/>`;
    case "map":
      return map(item);
  }
}

function map(item: Map): string {
  const { picture, part, rows, cols, pixels, outlines } = item;
  const view = part ?? { x: 0, y: 0, width: picture.cols, height: picture.rows };
  const parts = [
    `<svg ${place(item)} viewBox="${[view.x, view.y, view.width, view.height].map(round).join(" ")}" preserveAspectRatio="none" overflow="hidden">`,
    `<image width="${picture.cols}" height="${picture.rows}" preserveAspectRatio="none" href="${picture.uri}"/>`,
    "</svg>",
  ];
  const [width, height] = [item.width / cols, item.height / rows];
  const cell = (i: number): Box => ({
    x: item.x + (i % cols) * width,
    y: item.y + Math.floor(i / cols) * height,
    width,
    height,
  });
  if (pixels) {
    parts.push(`<g class="cells" opacity="${item.opacity}" shape-rendering="crispEdges">`);
    for (let i = 0; i < rows * cols; i++) {
      parts.push(`<rect ${place(cell(i))} fill="${hex(pixels, i)}"/>`);
    }
    parts.push("</g>");
  }
  for (const outline of outlines) {
    const box = place(cell(outline.cell));
    parts.push(`<rect ${box} fill="none" stroke="#ffffff" stroke-width="4"/>`);
    parts.push(`<rect ${box} fill="none" stroke="${outline.colour}" stroke-width="2"/>`);
  }
  return parts.join("\n");
}

function hex(pixels: ArrayLike<number>, i: number): string {
  const bytes = [0, 1, 2].map((band) => pixels[4 * i + band].toString(16).padStart(2, "0"));
  return `#${bytes.join("")}`;
}
