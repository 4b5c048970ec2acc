// What every saved view has: a title above and its provenance below, so that it stands alone.
import type { Page } from "../view/page.svelte";
import { ABOVE, BELOW } from "../data/colours";
import { INK, SOFT, Scene } from "./scene";

const WIDTH = 1000;

export function begin(page: Page, title: string): Scene {
  const scene = new Scene(`${title}: ${page.data.run}`, WIDTH);
  scene.heading(scene.title);
  return scene;
}

/** Put the legend of the labels and the caption. */
export function finish(page: Page, scene: Scene, words: string, { gradient = true } = {}): Scene {
  const { run, model, image, override } = page.data;
  const used = override === "none" ? "no gradient override" : `gradient override ${override}`;
  scene.bottom += 10;
  scene.paragraph(words);
  scene.paragraph(`Run ${run}: model ${model}, image ${image}${gradient ? `, ${used}` : ""}.`);
  return scene;
}

/** Put colours with their names on one line. */
export function legend(scene: Scene, named: readonly { colour: string; name: string }[]): void {
  const room = scene.inner / Math.max(named.length, 2);
  for (const [i, { colour, name }] of named.entries()) {
    const x = scene.margin + i * room;
    scene.rect(x, scene.bottom + 2, 10, 10, colour);
    scene.line(x + 16, scene.bottom + 11, name, { size: 12, colour: SOFT, room: room - 26 });
  }
  scene.bottom += 20;
}

/** Put what bars above and below zero mean: towards one label, and away from it or towards another. */
export function directions(scene: Scene, first: string, second: string | null): void {
  legend(scene, [
    { colour: ABOVE, name: `towards ${first}` },
    { colour: BELOW, name: second === null ? `away from ${first}` : `towards ${second}` },
  ]);
}

export { INK, SOFT };
