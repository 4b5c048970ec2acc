// Ids for elements that refer to each other. (Svelte's own would leave a counter on the window.)
let count = 0;

export const uid = (): string => `x${++count}`;
