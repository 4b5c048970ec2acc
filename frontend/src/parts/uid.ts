// Names of elements that belong together. (Svelte's own would count on the window.)
let count = 0;

export const uid = (): string => `x${++count}`;
