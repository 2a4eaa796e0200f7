/** The texts of the dashboard. Another language is another file like `en.ts`, with all its keys. */

import { en } from "./en";

export type Texts = typeof en;

export const texts: Texts = en;
