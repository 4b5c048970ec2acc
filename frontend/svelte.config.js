// Classes of styles have short names, and Svelte leaves no mark on the window.
export default {
  compilerOptions: {
    runes: true,
    cssHash: ({ hash, css }) => `s-${hash(css).slice(0, 4)}`,
    discloseVersion: false,
  },
};
