// Maps of groups: a hue for each, brightness as magnitude. Two groups are orange and blue.
import type { Floats } from "./arrays";
import type { Pixels } from "./colours";

type Triple = [number, number, number];

const REACH = 1.5; // light is full from 1 / REACH of the largest magnitude on
const NEUTRAL = 0.3;

// Oklab, as in figures/colour.py (B. Ottosson, "A perceptual color space for image processing", 2020).
const TO_ROOTS: Triple[] = [
  [1, 0.3963377774, 0.2158037573],
  [1, -0.1055613458, -0.0638541728],
  [1, -0.0894841775, -1.291485548],
];
const TO_LINEAR: Triple[] = [
  [4.0767416621, -3.3077115913, 0.2309699292],
  [-1.2684380046, 2.6097574011, -0.3413193965],
  [-0.0041960863, -0.7034186147, 1.707614701],
];
const FROM_LINEAR: Triple[] = [
  [0.4122214708, 0.5363325363, 0.0514459929],
  [0.2119034982, 0.6806995451, 0.1073969566],
  [0.0883024619, 0.2817188376, 0.6299787005],
];
const FROM_ROOTS: Triple[] = [
  [0.2104542553, 0.793617785, -0.0040720468],
  [1.9779984951, -2.428592205, 0.4505937099],
  [0.0259040371, 0.7827717662, -0.808675766],
];

const times = (matrix: Triple[], v: Triple): Triple =>
  matrix.map((row) => row[0] * v[0] + row[1] * v[1] + row[2] * v[2]) as Triple;
const each = (v: Triple, f: (x: number) => number): Triple => v.map(f) as Triple;

const linear = (lab: Triple): Triple =>
  times(
    TO_LINEAR,
    each(times(TO_ROOTS, lab), (x) => x ** 3),
  );

function lab(hex: string): Triple {
  const code = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255) as Triple;
  const light = each(code, (x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
  return times(FROM_ROOTS, each(times(FROM_LINEAR, light), Math.cbrt));
}

function bytes(colour: Triple): Triple {
  return each(linear(colour), (x) => {
    const light = Math.max(0, Math.min(1, x));
    return Math.round(255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055));
  });
}

/** The groups' colours, as bright as the brightest of them can be. */
function brightest(colours: readonly string[]): Triple[] {
  const labs = colours.map(lab);
  const room = Math.cbrt(Math.max(...labs.flatMap(linear)));
  return labs.map((colour) => each(colour, (x) => x / room));
}

function painted(count: number, colour: (cell: number) => Triple): Pixels {
  const pixels = new Uint8ClampedArray(4 * count);
  for (let cell = 0; cell < count; cell++) pixels.set([...colour(cell), 255], 4 * cell);
  return pixels;
}

/** All groups in one map; `spatial` holds the map of each. */
export function together(spatial: readonly Floats[], colours: readonly string[]): Pixels {
  const present = spatial.map((values) => values.map((value) => Math.max(value, 0)));
  if (present.length === 2) return orangeAndBlue(present[0], present[1]);
  const full = brightest(colours);
  const count = present[0].length;
  const totals = Array.from({ length: count }, (_, cell) =>
    present.reduce((total, values) => total + values[cell], 0),
  );
  const most = Math.max(...totals) || 1;
  return painted(count, (cell) => {
    // The mean of the hues, weighted by squares, so that the leading group shows its own.
    const squares = present.map((values) => (values[cell] / most) ** 2);
    const whole = squares.reduce((a, b) => a + b, 0) || 1;
    const light = Math.min(1, (totals[cell] / most) * REACH);
    const mean = [0, 1, 2].map((axis) =>
      full.reduce((total, colour, i) => total + (squares[i] / whole) * colour[axis], 0),
    ) as Triple;
    return bytes(each(mean, (x) => x * light));
  });
}

/** One group alone, on a scale of its own. */
export function alone(spatial: readonly Floats[], colours: readonly string[], group: number): Pixels {
  const colour = brightest(colours)[group];
  const most = spatial[group].reduce((a, b) => Math.max(a, b), 0) || 1;
  return painted(spatial[group].length, (cell) => {
    const light = Math.min(1, (Math.max(spatial[group][cell], 0) / most) * REACH);
    return bytes(each(colour, (x) => x * light));
  });
}

/** Distances from the common mean, the largest as 1.5, about neutral grey. */
function orangeAndBlue(first: Floats, second: Floats): Pixels {
  const bands = Array.from(first, (a, i): Triple => [a, (a + second[i]) / 2, second[i]]);
  const flat = bands.flat();
  const mean = flat.reduce((a, b) => a + b, 0) / flat.length;
  const [least, most] = flat.reduce(([l, m], x) => [Math.min(l, x), Math.max(m, x)], [Infinity, -Infinity]);
  const scale = most > least ? Math.max(mean - least, most - mean) / REACH : Infinity;
  return painted(first.length, (cell) =>
    each(bands[cell], (x) => Math.floor(255 * Math.max(0, Math.min(1, (x - mean) / scale + NEUTRAL)))),
  );
}
