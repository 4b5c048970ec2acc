// Arrays of a page: unpacking, and looking into them.
import type { Packed } from "./data";

export type Floats = Float32Array;

/** An array in C order. */
export class Tensor {
  constructor(
    readonly shape: readonly number[],
    readonly values: Floats,
  ) {}

  /** The part at the given indexes along the first axes; a view, not a copy. */
  at(...index: number[]): Floats {
    const inner = this.shape.slice(index.length).reduce((a, b) => a * b, 1);
    let place = 0;
    for (const [axis, i] of index.entries()) place = place * this.shape[axis] + i;
    return this.values.subarray(place * inner, (place + 1) * inner);
  }

  /** All parts along the first axis. */
  get parts(): Floats[] {
    return Array.from({ length: this.shape[0] }, (_, i) => this.at(i));
  }

  /** One number for each entry of the first axis: its value at a place along the other axes. */
  column(place: number): Floats {
    const inner = this.values.length / this.shape[0];
    return Float32Array.from({ length: this.shape[0] }, (_, i) => this.values[i * inner + place]);
  }
}

const unpacked = new WeakMap<Packed, Promise<Tensor>>();

/** Unpack an array, once. */
export function unpack(packed: Packed): Promise<Tensor> {
  let promise = unpacked.get(packed);
  if (!promise) {
    promise = inflated(packed);
    unpacked.set(packed, promise);
  }
  return promise;
}

async function inflated({ shape, bits, scale, data }: Packed): Promise<Tensor> {
  const bytes = await inflate(fromBase64(data));
  const count = shape.reduce((a, b) => a * b, 1);
  const inner = count / (shape[0] || 1);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    // With 16 bits all low bytes come first.
    const whole = bits === 8 ? (bytes[i] << 24) >> 24 : ((bytes[i] | (bytes[count + i] << 8)) << 16) >> 16;
    values[i] = whole * scale[scale.length === 1 ? 0 : Math.floor(i / inner)];
  }
  return new Tensor(shape, values);
}

async function inflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

/** The largest absolute value; 0 where there is none. */
export function largestAbs(values: Floats): number {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}

export function sum(values: Floats): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

export function sumOfAbs(values: Floats): number {
  let total = 0;
  for (const value of values) total += Math.abs(value);
  return total;
}

/** The place of the largest value. */
export function placeOfLargest(values: Floats): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

export function difference(a: Floats, b: Floats): Floats {
  return a.map((value, i) => value - b[i]);
}

/** The least and the largest value, with zero between them. */
export function extentOf(values: Floats): [number, number] {
  return values.reduce(([least, most], x) => [Math.min(least, x), Math.max(most, x)], [0, 0] as [
    number,
    number,
  ]);
}

/** Cosine similarity of two maps; 0 where one is empty. */
export function cosine(a: Floats, b: Floats): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return aa && bb ? ab / Math.sqrt(aa * bb) : 0;
}

/** Places in the order of their values, the largest first; equal values keep their order. */
export function descending(values: ArrayLike<number>): number[] {
  return Array.from(values, (_, i) => i).sort((a, b) => values[b] - values[a] || a - b);
}
