import { svelte } from "@sveltejs/vite-plugin-svelte";
import { type Plugin, defineConfig } from "vite";
import { digest } from "./build/digest.ts";

const folder = import.meta.dirname;

/** Puts the digest of the sources before the script, and refuses what cannot stand in a page. */
const stamped: Plugin = {
  name: "stamped",
  generateBundle(_, bundle) {
    for (const file of Object.values(bundle)) {
      if (file.type !== "chunk") continue;
      for (const tag of ["<script", "</script"]) {
        if (file.code.toLowerCase().includes(tag)) this.error(`the bundle holds "${tag}"`);
      }
      file.code = `// Made by "make bundle" from frontend/, sha256 ${digest(folder)}\n${file.code}`;
    }
  },
};

export default defineConfig({
  root: folder,
  plugins: [svelte({ emitCss: false }), stamped],
  build: {
    outDir: "../src/blockscope/figures/templates",
    // The templates of the pages lie there too.
    emptyOutDir: false,
    copyPublicDir: false,
    modulePreload: false,
    target: "es2022",
    rolldownOptions: {
      input: "src/main.ts",
      output: { format: "iife", entryFileNames: "page.bundle.js", codeSplitting: false },
    },
  },
});
