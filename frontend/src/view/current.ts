// The page that all its parts are of.
import { getContext } from "svelte";
import type { Page } from "./page.svelte";

const KEY = Symbol("page");

/** What parts are mounted with. */
export const within = (page: Page): Map<symbol, Page> => new Map([[KEY, page]]);

/** The page, asked for while a part is made. */
export const currentPage = (): Page => getContext<Page>(KEY);
