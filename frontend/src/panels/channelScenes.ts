// The panels of channels as pictures of their own.
import type { Active } from "../data/active";
import { type Floats, descending, extentOf, largestSize } from "../data/arrays";
import { type Channels, strongest } from "../data/channels";
import { paint } from "../data/colours";
import type { Outline } from "../data/grid";
import { number, signed } from "../data/numbers";
import { type Scene } from "../saving/scene";
import { INK, SOFT, begin, finish, legend } from "../saving/sheet";
import type { Page } from "../view/page.svelte";
import { addingUp, counts, what } from "./channelWords";

const FOR = "#5f8a1c";
const AGAINST = "#8337b4";
const GAP = 6;
const BROAD = 80; // a tile that has room for its number and its value on one line

const FOOT =
  "Thin bars: every channel, the largest value first. Pictures: where a channel is active, on its own scale, or " +
  "what it responds to; below, if shown, the part of the input around its largest activation. Values in logits.";

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
    scene.rect(at.x + i * step, y, Math.max(step * 0.96, 0.3), tall, up ? FOR : AGAINST);
  }
  scene.rect(at.x, zero - 0.3, at.width, 0.6, INK);
  return at.y + height;
}

/** Where a channel is active; returns where the map ends. */
export function activeMap(scene: Scene, page: Page, channels: Active, channel: number, at: Place, outlines: Outline[] = []): number {
  const pixels = paint(channels.of(channel), page.plainColours);
  return scene.map(at, page.dimmed, channels.grid, pixels, page.opacity, { outlines });
}

/** What a channel responds to, or else where it is active; returns where the picture ends. */
function pictureOf(scene: Scene, page: Page, channels: Active, channel: number, at: Place): number {
  const part = channels.sprites?.part(channel);
  if (!part || !channels.sprites) return activeMap(scene, page, channels, channel, at);
  return scene.map(at, channels.sprites.picture, null, null, 1, { part });
}

/** A channel with its number and value; returns where it ends. */
export function tile(
  scene: Scene,
  page: Page,
  channels: Active,
  channel: number,
  value: number,
  full: number,
  at: Place,
  crop: boolean,
  { sign = true, colour = value < 0 ? AGAINST : FOR } = {},
): number {
  const { picture } = page.data;
  let y = pictureOf(scene, page, channels, channel, at);
  if (crop) {
    const part = channels.driving(channel, picture);
    y = scene.map({ ...at, y: y + 3 }, picture, null, null, 1, { part });
  }
  scene.line(at.x, y + 14, String(channel), { size: 11, bold: true });
  if (at.width < BROAD) y += 13;
  scene.line(at.x + at.width, y + 14, sign ? signed(number(value)) : number(value), { size: 11, colour: SOFT, anchor: "end" });
  const share = full > 0 ? Math.min(1, Math.abs(value) / full) : 0;
  scene.rect(at.x, y + 18, share * at.width, 4, colour);
  return y + 26;
}

export function channelsScene(
  page: Page,
  valuesOf: (channels: Channels) => Floats,
  method: string | null,
  most: number,
): Scene {
  const scene = begin(page, `Channel attribution of ${page.scoreWords}`);
  for (const channels of page.channels) {
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
        tile(scene, page, channels.active, channel, values[channel], full, { x: scene.margin + i * (width + GAP), y: scene.bottom, width }, true),
    );
    scene.bottom = Math.max(scene.bottom, ...ends);
  }
  const at = page.trail.at(-1);
  if (at) detail(scene, page, page.channels[at.side], at.channel);
  directions(scene, page);
  return finish(page, scene, FOOT);
}

/** The channel that is looked at: where it is active, and which labels it counts for. */
function detail(scene: Scene, page: Page, channels: Channels, channel: number): void {
  const width = 300;
  scene.bottom += 10;
  scene.paragraph(`Channel ${channel} of ${channels.layer}`, { size: 14, bold: true, colour: INK });
  const top = scene.bottom + 4;
  const end = activeMap(scene, page, channels.active, channel, { x: scene.margin, y: top, width });
  const most = largestSize(channels.active.of(channel));
  scene.line(scene.margin, end + 15, `yellow or white: activation ${number(most)}`, { size: 11, colour: SOFT, room: width });
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
  scene.bottom = Math.max(end + 22, top + 150);
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
      tile(scene, page, channels.active, channel, values[channel], full, { x: scene.margin + scene.inner - room + k * 66, y: top, width: 60 }, false),
    );
    scene.bottom = Math.max(end, ...ends) + 4;
  }
  scene.bottom += 6;
  directions(scene, page, true);
  return finish(page, scene, `All bars have one scale. ${FOOT}`);
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
