// Styles travel in the script, under short names, and Svelte leaves no mark on the window.
export default {
  compilerOptions: {
    runes: true,
    css: "injected",
    cssHash: ({ hash, css }) => `s-${hash(css).slice(0, 4)}`,
    discloseVersion: false,
  },
};
