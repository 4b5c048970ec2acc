import type { Layer } from "../data/data";

/** Says where a cell of the page is more than one position of the layer; empty where none is. */
export function pooledWords(layers: readonly Layer[]): string {
  return layers
    .filter((layer) => layer.pooled > 1)
    .map((layer) => `A cell of ${layer.name} is the sum of ${layer.pooled} × ${layer.pooled} positions of it.`)
    .join(" ");
}
