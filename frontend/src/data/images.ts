// Images that are made from those of the page.
import type { PageImage } from "./data";

const LIGHT = 0.85;

/** The image in grey and darker, so that all colour over it belongs to a map. */
export function dimmed(image: PageImage): Promise<PageImage> {
  return redrawn(image, (context, source) => {
    context.drawImage(source, 0, 0);
    const pixels = context.getImageData(0, 0, context.canvas.width, context.canvas.height);
    for (let i = 0; i < pixels.data.length; i += 4) {
      const [red, green, blue] = pixels.data.subarray(i, i + 3);
      pixels.data.fill(Math.round(LIGHT * (0.2126 * red + 0.7152 * green + 0.0722 * blue)), i, i + 3);
    }
    context.putImageData(pixels, 0, 0);
  });
}

/** What `draw` puts on a canvas of the image's own pixels; the image itself without canvases. */
export async function redrawn(
  image: PageImage,
  draw: (context: CanvasRenderingContext2D, source: HTMLImageElement) => void,
): Promise<PageImage> {
  const source = new Image();
  source.src = image.uri;
  await source.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [source.naturalWidth, source.naturalHeight];
  const context = canvas.getContext("2d");
  if (!context) return image;
  draw(context, source);
  return { ...image, uri: canvas.toDataURL() };
}
