/** Tags as lines of a form, and what to send of them. */

import { texts as t } from "../../texts";

export interface TagLine {
  key: string;
  value: string;
}

export function linesOf(tags: Readonly<Record<string, string>>): TagLine[] {
  return Object.entries(tags).map(([key, value]) => ({ key, value }));
}

/** By line what is wrong with it, or "". Empty lines are none; the API knows which characters it takes. */
export function wrongWith(lines: readonly TagLine[]): string[] {
  const keys = lines.map(({ key }) => key.trim());
  return lines.map(({ value }, at) => {
    const key = keys[at] ?? "";
    if (key === "") return value.trim() === "" ? "" : t.errors.required;
    return keys.indexOf(key) === at ? "" : t.device.tagTwice(key);
  });
}

/** A merge patch: what is new or changed, and null for what is gone. */
export function patchOf(
  before: Readonly<Record<string, string>>,
  lines: readonly TagLine[],
): Record<string, string | null> {
  const after = new Map(lines.filter(({ key }) => key.trim()).map(({ key, value }) => [key.trim(), value.trim()]));
  const gone = Object.keys(before).filter((key) => !after.has(key));
  const changed = [...after].filter(([key, value]) => before[key] !== value);
  return { ...Object.fromEntries(gone.map((key) => [key, null])), ...Object.fromEntries(changed) };
}
