// Saving an image of a view as a file.
import { toPng } from "./png";
import type { Scene } from "./scene";
import { toSvg } from "./svg";

const SCALE = 2; // pixels for each unit of a bitmap: 300 dots per inch at 170 mm

/** Save a scene; returns the name of the file. */
export async function save(scene: Scene, kind: "png" | "svg", name: string): Promise<string> {
  const blob =
    kind === "png" ? await toPng(scene, SCALE) : new Blob([toSvg(scene)], { type: "image/svg+xml" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${name.replace(/[^\p{L}\p{N}._-]+/gu, "-")}.${kind}`;
  link.click();
  // The file is read after the click has returned.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  return link.download;
}
