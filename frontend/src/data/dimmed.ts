// The input in grey and darker, so that all colour over it belongs to a map.
import type { Picture } from "./data";

const LIGHT = 0.85;

export async function dimmed(picture: Picture): Promise<Picture> {
  const image = new Image();
  image.src = picture.uri;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const context = canvas.getContext("2d");
  if (!context) return picture;
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < pixels.data.length; i += 4) {
    const [red, green, blue] = pixels.data.subarray(i, i + 3);
    pixels.data.fill(Math.round(LIGHT * (0.2126 * red + 0.7152 * green + 0.0722 * blue)), i, i + 3);
  }
  context.putImageData(pixels, 0, 0);
  return { ...picture, uri: canvas.toDataURL() };
}
