/** Where somebody points, as a time: charts with the same key show it together. */

export class Crosshair {
  at: number | null = $state(null);
}

const shared = new Map<string, Crosshair>();

export function crosshair(key: string | undefined): Crosshair {
  if (key === undefined) return new Crosshair();
  let one = shared.get(key);
  if (!one) shared.set(key, (one = new Crosshair()));
  return one;
}
