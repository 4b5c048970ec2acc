// The page that a component belongs to.
import { getContext } from "svelte";
import type { Page } from "./page.svelte";

const KEY = Symbol("page");

/** The context that panels are mounted with. */
export const contextOf = (page: Page): Map<symbol, Page> => new Map([[KEY, page]]);

/** The page; to be called while a component is initialised. */
export const currentPage = (): Page => getContext<Page>(KEY);
