// The input in grey, to lie below maps without a sign; made once for all panels.
import type { PageImage } from "../data/data";
import { dimmed } from "../data/images";
import { shared } from "./panels";

export const dimmedInput = shared((page): Promise<PageImage> => dimmed(page.data.input));
