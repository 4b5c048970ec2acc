// The panels of channels as pictures of their own.
import { type Floats, descending, extentOf, largestSize } from "../data/arrays";
import { type Channels, strongest } from "../data/channels";
import { paint } from "../data/colours";
import { number, signed } from "../data/numbers";
import { type Scene } from "../saving/scene";
import { INK, SOFT, begin, finish, legend } from "../saving/sheet";
import type { Page } from "../view/page.svelte";
import { addingUp, counts, error, what } from "./channelWords";

const FOR = "#5f8a1c";
const AGAINST = "#8337b4";
const GAP = 6;
const BROAD = 80; // a tile that has room for its number and its value on one line

interface Place {
  x: number;
  y: number;
  width: number;
}

/** Thin bars of all channels, the largest value first; returns where they end. */
function distribution(scene: Scene, values: Floats, extent: [number, number], at: Place, height: number): number {
  const order = descending(values);
  const range = extent[1] - extent[0] || 1;
  const zero = at.y + (extent[1] / range) * height;
  const step = at.width / order.length;
  for (const [i, channel] of order.entries()) {
    const tall = (Math.abs(values[channel]) / range) * height;
    if (tall === 0) continue;
    const up = values[channel] > 0;
    const y = up ? zero - tall : zero;
    scene.add({ kind: "rect", x: at.x + i * step, y, width: Math.max(step * 0.96, 0.3), height: tall, fill: up ? FOR : AGAINST });
  }
  scene.add({ kind: "rect", x: at.x, y: zero - 0.3, width: at.width, height: 0.6, fill: INK });
  return at.y + height;
}

/** A channel with its number and value; returns where it ends. */
function tile(
  scene: Scene,
  page: Page,
  channels: Channels,
  channel: number,
  value: number,
  full: number,
  at: Place,
  crop: boolean,
): number {
  const { picture } = page.data;
  const sprite = channels.facts.sprites[String(channel)];
  const height = sprite ? at.width : (at.width * picture.rows) / picture.cols;
  const box = { x: at.x, y: at.y, width: at.width, height };
  if (sprite) {
    scene.add({ kind: "image", ...box, uri: sprite });
  } else {
    scene.add({
      kind: "map",
      ...box,
      picture: page.dimmed,
      grid: channels.grid,
      pixels: paint(channels.activation(channel), page.plainColours),
      opacity: page.opacity,
      outlines: [],
    });
  }
  let y = at.y + height;
  if (crop) {
    const part = channels.driving(channel, picture);
    scene.add({
      kind: "map", x: at.x, y: y + 3, width: at.width, height: at.width,
      picture, part, grid: null, pixels: null, opacity: 1, outlines: [],
    });
    y += 3 + at.width;
  }
  scene.line(at.x, y + 14, String(channel), { size: 11, bold: true });
  if (at.width < BROAD) y += 13;
  scene.line(at.x + at.width, y + 14, signed(number(value)), { size: 11, colour: SOFT, anchor: "end" });
  const share = full > 0 ? Math.min(1, Math.abs(value) / full) : 0;
  scene.add({ kind: "rect", x: at.x, y: y + 18, width: share * at.width, height: 4, fill: value < 0 ? AGAINST : FOR });
  return y + 26;
}

export function channelsScene(
  page: Page,
  both: readonly Channels[],
  valuesOf: (channels: Channels) => Floats,
  method: string | null,
  most: number,
): Scene {
  const scene = begin(page, `Channel attribution of ${page.scoreWords}`);
  for (const channels of both) {
    const values = valuesOf(channels);
    const full = largestSize(values);
    scene.bottom += 8;
    scene.paragraph(channels.layer, { size: 14, bold: true, colour: INK });
    scene.paragraph(`${counts(values)}. ${addingUp(channels.facts, method, values)}`);
    scene.bottom = distribution(scene, values, extentOf(values), { x: scene.margin, y: scene.bottom + 6, width: scene.inner }, 80) + 10;
    const width = (scene.inner - (2 * most - 1) * GAP) / (2 * most);
    const { above, below } = strongest(values, most);
    const ends = [...above.map((c, i) => [c, i]), ...below.map((c, i) => [c, 2 * most - below.length + i])].map(
      ([channel, i]) =>
        tile(scene, page, channels, channel, values[channel], full, { x: scene.margin + i * (width + GAP), y: scene.bottom, width }, true),
    );
    scene.bottom = Math.max(scene.bottom, ...ends);
  }
  const at = page.trail.at(-1);
  if (at) detail(scene, page, both[at.side], at.channel);
  directions(scene, page);
  return finish(page, scene, foot(both));
}

/** The channel that is looked at: where it is active, and which labels it counts for. */
function detail(scene: Scene, page: Page, channels: Channels, channel: number): void {
  const { picture } = page.data;
  const width = 300;
  const height = (width * picture.rows) / picture.cols;
  scene.bottom += 10;
  scene.paragraph(`Channel ${channel} of ${channels.layer}`, { size: 14, bold: true, colour: INK });
  const top = scene.bottom + 4;
  const active = channels.activation(channel);
  scene.add({
    kind: "map", x: scene.margin, y: top, width, height, picture: page.dimmed,
    grid: channels.grid, pixels: paint(active, page.plainColours), opacity: page.opacity, outlines: [],
  });
  scene.line(scene.margin, top + height + 15, `yellow or white: activation ${number(largestSize(active))}`, { size: 11, colour: SOFT, room: width });
  const values = channels.labelsOf(channel);
  const order = descending(values);
  const lists = [
    { title: "Counts most for (logits)", places: order.slice(0, 6).filter((place) => values[place] > 0) },
    { title: "Counts most against", places: order.slice(-6).reverse().filter((place) => values[place] < 0) },
  ];
  const column = (scene.inner - width - 48) / 2;
  for (const [i, { title, places }] of lists.entries()) {
    const x = scene.margin + width + 24 + i * (column + 24);
    scene.line(x, top + 12, title, { size: 12, bold: true, room: column });
    for (const [k, place] of places.entries()) {
      const y = top + 32 + 18 * k;
      scene.line(x, y, page.labels.names[place], { size: 12, room: column - 60 });
      scene.line(x + column, y, signed(number(values[place])), { size: 12, colour: SOFT, anchor: "end" });
    }
  }
  scene.bottom = top + Math.max(height + 22, 150);
}

export function methodsScene(page: Page, channels: Channels, most: number): Scene {
  const { facts } = channels;
  const scene = begin(page, `Methods of channel attribution for ${page.data.pair?.text}, ${facts.layer}`);
  const all = facts.method.map((method) => channels.byMethod(method));
  const full = Math.max(...all.map(largestSize));
  const extents = all.map(extentOf);
  const extent: [number, number] = [Math.min(...extents.map((e) => e[0])), Math.max(...extents.map((e) => e[1]))];
  for (const [i, method] of facts.method.entries()) {
    const values = all[i];
    scene.bottom += 8;
    scene.paragraph(method, { size: 14, bold: true, colour: INK });
    scene.paragraph(`${what(method)}. ${addingUp(facts, method, values)} Gradients taken: ${facts.steps[i]}.`);
    const room = 2 * most * 66;
    const top = scene.bottom + 6;
    const end = distribution(scene, values, extent, { x: scene.margin, y: top, width: scene.inner - room - 16 }, 80);
    const { above, below } = strongest(values, most);
    const ends = [...above, ...below].map((channel, k) =>
      tile(scene, page, channels, channel, values[channel], full, { x: scene.margin + scene.inner - room + k * 66, y: top, width: 60 }, false),
    );
    scene.bottom = Math.max(end, ...ends) + 4;
  }
  scene.bottom += 6;
  directions(scene, page, true);
  const errors = facts.method.map((method, i) => `${method} ${error(facts, i)}`).join(", ");
  return finish(page, scene, `All bars have one scale. Completeness errors: ${errors}. ${foot([channels])}`);
}

function directions(scene: Scene, page: Page, own = false): void {
  const first = own ? page.labels.names[page.own.first] : page.firstName;
  const place = own ? page.own.second : page.second;
  const second = place === null ? `away from ${first}` : `towards ${page.labels.names[place]}`;
  legend(scene, [
    { colour: FOR, name: `towards ${first}` },
    { colour: AGAINST, name: second },
  ]);
}

function foot(layers: readonly Channels[]): string {
  const sprites = layers.some((channels) => Object.keys(channels.facts.sprites).length > 0);
  return `Thin bars: every channel, the largest value first. Pictures: ${sprites ? "what a channel responds to, or " : ""}where a channel is active, on its own scale; below it, if shown, the part of the input around its largest activation. Values in logits.`;
}
