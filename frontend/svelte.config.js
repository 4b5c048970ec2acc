import { vitePreprocess } from "@sveltejs/vite-plugin-svelte";

export default {
  // Svelte reads types but no other TypeScript: constructors that declare fields are compiled first.
  preprocess: vitePreprocess({ script: true, style: false }),
  compilerOptions: {
    runes: true,
    // Scoped styles get short names, and Svelte leaves no mark on the window.
    cssHash: ({ hash, css }) => `s-${hash(css).slice(0, 4)}`,
    discloseVersion: false,
  },
};
