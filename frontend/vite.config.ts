import { svelte } from "@sveltejs/vite-plugin-svelte";
import { type Plugin, defineConfig } from "vite";
import { digest } from "./build/digest.ts";

const folder = import.meta.dirname;

/** The entry of each mode: vite build --mode NAME writes NAME.bundle.js. */
const ENTRIES: Record<string, string> = { page: "src/main.ts", contact: "src/contact/main.ts" };

/** Makes one script that adds its own styles, after a line with the digest of the sources. */
const whole: Plugin = {
  name: "whole",
  enforce: "post",
  generateBundle(_, bundle) {
    const files = Object.values(bundle);
    const styles = files.flatMap((file) => (file.type === "asset" ? [file] : []));
    const [script, ...more] = files.flatMap((file) => (file.type === "chunk" ? [file] : []));
    if (more.length > 0) this.error("more than one script");
    const css = JSON.stringify(styles.map((file) => String(file.source).trim()).join(""));
    const style = `{let e=document.createElement("style");e.textContent=${css};document.head.append(e)}`;
    const code = `// Made by "make bundle" from frontend/, sha256 ${digest(folder)}\n${style}\n${script.code}`;
    for (const tag of ["<script", "</script"]) {
      // Neither may occur inside a script element of a page.
      if (code.toLowerCase().includes(tag)) this.error(`the bundle holds "${tag}"`);
    }
    script.code = code;
    for (const file of styles) delete bundle[file.fileName];
  },
};

/** Removes from Svelte what only server-rendered pages need. */
const unhydrated: Plugin = {
  name: "unhydrated",
  transform(code, id) {
    if (!id.endsWith("/svelte/src/internal/client/dom/hydration.js")) return null;
    const [found, set] = ["export let hydrating = false;", "\thydrating = value;\n"];
    if (!code.includes(found) || !code.includes(set)) this.error("Svelte's hydration.js has changed");
    const without = code.replace(found, found.replace("let", "const")).replace(set, "");
    return { code: without, map: null };
  },
};

export default defineConfig(({ mode }) => ({
  root: folder,
  plugins: [unhydrated, svelte(), whole],
  build: {
    outDir: "../src/blockscope/figures/page/templates",
    // The templates of the pages lie there too.
    emptyOutDir: false,
    copyPublicDir: false,
    modulePreload: false,
    cssCodeSplit: false,
    target: "es2022",
    rolldownOptions: {
      input: ENTRIES[mode],
      output: { format: "iife", entryFileNames: `${mode}.bundle.js`, codeSplitting: false },
    },
  },
}));
