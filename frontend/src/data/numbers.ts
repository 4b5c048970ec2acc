// Numbers and cells as text, as in the printed panels.

const MINUS = "\u2212";

/** Three digits, with a real minus; a zero has no sign. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return "not a number";
  const size = Math.abs(value);
  const decimals = size === 0 ? 0 : Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(size))));
  const text = size !== 0 && size < 5e-6 ? size.toExponential(1).replace("-", MINUS) : size.toFixed(decimals);
  return (value < 0 && size > 0 ? MINUS : "") + text;
}

/** As many decimals for all as the largest needs for three digits. */
export function alike(values: readonly number[]): string[] {
  const most = Math.max(...values.map(Math.abs), 0);
  const decimals = most === 0 ? 0 : Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(most))));
  return values.map((value) => {
    const text = Math.abs(value).toFixed(decimals);
    return (value < 0 && Number(text) !== 0 ? MINUS : "") + text;
  });
}

export function signed(text: string): string {
  return text.startsWith(MINUS) || Number(text) === 0 ? text : `+${text}`;
}

export function percent(share: number): string {
  const value = 100 * share;
  const size = Math.abs(value);
  if (size > 0 && size < 0.01) return "< 0.01 %";
  return `${value < 0 ? MINUS : ""}${size.toFixed(size < 1 ? 2 : size < 10 ? 1 : 0)} %`;
}

/** A probability; the smallest are stored as zero. */
export function chance(value: number): string {
  return value < 1e-4 ? "< 0.01 %" : percent(value);
}

/** A cosine, with two decimals. */
export function ratio(value: number): string {
  const text = Math.abs(value).toFixed(2);
  return (value < 0 && Number(text) > 0 ? MINUS : "") + text;
}

/** A number with its noun: one has no plural. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** A cell of a grid as people count: from 1. */
export function cellWords(cell: number, cols: number): string {
  return `row ${Math.floor(cell / cols) + 1}, column ${(cell % cols) + 1}`;
}
