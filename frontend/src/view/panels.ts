// What a panel is to the page.
import type { Component } from "svelte";
import type { Page } from "./page.svelte";

/** What the component of a panel is mounted with. */
export interface PanelProps<Model> {
  /** The name of the panel, the id of its section. */
  name: string;
  title: string;
  model: Model;
}

/** A component of the folder panels/: its file has the panel's name, CamelCase for snake_case. */
export interface PanelFile {
  default: Component<PanelProps<unknown>>;
  /** Unpack what the panel shows; `data` is what the page holds for this panel alone. */
  load(page: Page, data: unknown): unknown;
}

/** The modules of a folder by the names of panels. */
export function byPanel<Module>(files: Record<string, Module>): Map<string, Module> {
  const name = (path: string) =>
    path
      .replace(/^.*\/|\.\w+$/g, "")
      .replace(/\B[A-Z]/g, "_$&")
      .toLowerCase();
  return new Map(Object.entries(files).map(([path, module]) => [name(path), module]));
}

/** Something that panels share: made once for a page, when the first of them needs it. */
export function shared<Made>(make: (page: Page) => Made): (page: Page) => Made {
  const made = new WeakMap<Page, Made>();
  return (page) => {
    const found = made.get(page) ?? make(page);
    made.set(page, found);
    return found;
  };
}
