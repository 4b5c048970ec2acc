// What is typed to find units: numbers and ranges.

export interface Found {
  /** The numbers to show; null for all. */
  only: Set<number> | null;
  /** The number to scroll to, where a single one is typed. */
  jump: number | null;
  /** What is wrong with the text; empty where nothing is. */
  error: string;
}

const NOTHING: Found = { only: null, jump: null, error: "" };
const PART = /^(\d+)?\s*[-\u2013]\s*(\d+)?$/;

/** Parse "137", "130-140", "500-", "3,5,9" and lists of these; `numbers` rise. */
export function parseSearch(text: string, numbers: readonly number[]): Found {
  const parts = text
    .replace(/\s*[-\u2013]\s*/g, "-")
    .split(/[\s,;]+/)
    .filter((part) => part !== "");
  if (parts.length === 0) return NOTHING;
  const [least, most] = [numbers[0], numbers[numbers.length - 1]];
  const only = new Set<number>();
  for (const part of parts) {
    const range = part.match(PART);
    if (!/^\d+$/.test(part) && (!range || part.length === 1)) {
      return { ...NOTHING, error: `\u201c${part}\u201d is not a number or range` };
    }
    const from = range ? Number(range[1] ?? least) : Number(part);
    const to = range ? Number(range[2] ?? most) : from;
    const within = numbers.filter((number) => number >= Math.min(from, to) && number <= Math.max(from, to));
    if (within.length === 0) return { ...NOTHING, error: `${part} is outside ${least} to ${most}` };
    for (const number of within) only.add(number);
  }
  const alone = parts.length === 1 && /^\d+$/.test(text.trim());
  return alone ? { ...NOTHING, jump: Number(parts[0]) } : { ...NOTHING, only };
}
