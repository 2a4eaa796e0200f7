/** What an entry changed, a line for each value that is not what it was. */

export interface Change {
  /** `tags.site` */
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

type Side = Readonly<Record<string, unknown>> | null;

const NONE = "–";

export function changes(before: Side, after: Side): Change[] {
  const was = leaves(before);
  const is = leaves(after);
  const paths = [...new Set([...was.keys(), ...is.keys()])].sort();
  return paths
    .filter((path) => was.get(path) !== is.get(path))
    .map((path) => ({ path, before: was.get(path) ?? NONE, after: is.get(path) ?? NONE }));
}

function leaves(value: unknown, path = "", into = new Map<string, string>()): Map<string, string> {
  if (typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length) {
    for (const [key, inner] of Object.entries(value)) leaves(inner, path ? `${path}.${key}` : key, into);
  } else if (path) {
    into.set(path, typeof value === "string" ? value : JSON.stringify(value));
  }
  return into;
}
