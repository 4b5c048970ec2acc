import js from "@eslint/js";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";
import svelteConfig from "./svelte.config.js";

// The folders of src/ from the lowest to the highest: each imports from those before it only.
const LAYERS = ["data", "view", "saving", "parts", ["maps", "channels", "positions"], "panels"];

/** One rule for each folder: what it must not import. */
function layered() {
  return LAYERS.flatMap((layer, place) =>
    [layer].flat().map((folder) => {
      const higher = LAYERS.slice(place + 1).flat();
      const group = [...higher, "contact", "static"].map((name) => `**/${name}/**`);
      const message = `src/${folder}/ must not import from a higher folder.`;
      return {
        files: [`src/${folder}/**`],
        rules: { "no-restricted-imports": ["error", { patterns: [{ group, message }] }] },
      };
    }),
  );
}

export default ts.config(
  js.configs.recommended,
  ts.configs.recommended,
  svelte.configs.recommended,
  { languageOptions: { globals: { ...globals.browser, ...globals.node } } },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
  },
  ...layered(),
);
