// A scene as a bitmap, drawn with several pixels for each of its units.
import { outlined } from "../data/grid";
import { FONT, type Item, type Map, type Scene } from "./scene";

export async function toPng(scene: Scene, scale: number): Promise<Blob> {
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(scene.width * scale);
  canvas.height = Math.round(scene.height * scale);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("this browser has no canvas");
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.scale(scale, scale);
  for (const item of scene.items) await draw(context, item, scale);
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error("the image is too large"))),
      "image/png",
    );
  });
}

const loaded = new globalThis.Map<string, Promise<HTMLImageElement>>();

function load(uri: string): Promise<HTMLImageElement> {
  let promise = loaded.get(uri);
  if (!promise) {
    const image = new Image();
    image.src = uri;
    promise = image.decode().then(() => image);
    loaded.set(uri, promise);
  }
  return promise;
}

async function draw(context: CanvasRenderingContext2D, item: Item, scale: number): Promise<void> {
  switch (item.kind) {
    case "text":
      context.font = `${item.bold ? "bold " : ""}${item.size}px ${FONT}`;
      context.fillStyle = item.colour;
      context.textAlign = item.anchor === "middle" ? "center" : item.anchor;
      context.fillText(item.text, item.x, item.y);
      break;
    case "rect":
      context.fillStyle = item.fill;
      context.fillRect(item.x, item.y, item.width, item.height);
      break;
    case "shape":
      context.fillStyle = item.fill;
      context.save();
      context.globalAlpha = item.opacity;
      context.translate(item.x, item.y);
      context.scale(item.width, 1);
      context.fill(new Path2D(item.path));
      context.restore();
      break;
    case "map":
      await drawMap(context, item, scale);
  }
}

async function drawMap(context: CanvasRenderingContext2D, item: Map, scale: number): Promise<void> {
  const { image, part, grid, pixels, x, y, width, height } = item;
  const source = await load(image.uri);
  const [across, down] = [source.naturalWidth / image.cols, source.naturalHeight / image.rows];
  const view = part ?? { x: 0, y: 0, width: image.cols, height: image.rows };
  const from = [view.x * across, view.y * down, view.width * across, view.height * down] as const;
  context.drawImage(source, ...from, x, y, width, height);
  // Edges of cells lie on whole pixels, so that none is blended with its neighbour.
  const edge = (place: number) => Math.round(place * scale) / scale;
  if (!grid) return;
  if (pixels) {
    context.globalAlpha = item.opacity;
    for (let i = 0; i < grid.cells; i++) {
      const box = grid.box(i);
      const [left, right] = [edge(x + box.left * width), edge(x + (box.left + box.width) * width)];
      const [top, bottom] = [edge(y + box.top * height), edge(y + (box.top + box.height) * height)];
      context.fillStyle = `rgb(${pixels[4 * i]} ${pixels[4 * i + 1]} ${pixels[4 * i + 2]})`;
      context.fillRect(left, top, right - left, bottom - top);
    }
    context.globalAlpha = 1;
  }
  for (const outline of item.outlines) {
    const part = outlined(grid, outline);
    const box = [
      x + part.left * width,
      y + part.top * height,
      part.width * width,
      part.height * height,
    ] as const;
    for (const [stroke, line] of [
      ["#ffffff", 4],
      [outline.colour, 2],
    ] as const) {
      context.strokeStyle = stroke;
      context.lineWidth = line;
      context.strokeRect(...box);
    }
  }
}
