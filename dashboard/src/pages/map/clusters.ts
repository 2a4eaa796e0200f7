/** Which of many places stand so close on the screen that they are drawn as one. In pixels of one zoom level. */

export interface Spot<T> {
  readonly x: number;
  readonly y: number;
  readonly item: T;
}

/**
 * Each joins the nearest that is less than `reach` away, else it is the first of its own. Whoever comes first stays
 * where it is, so that the same places make the same clusters wherever the map is moved to.
 */
export function gather<T>(spots: Iterable<Spot<T>>, reach: number): Spot<T>[][] {
  const cells = new Map<string, Spot<T>[][]>();
  const all: Spot<T>[][] = [];
  for (const spot of spots) {
    const [column, row] = [Math.floor(spot.x / reach), Math.floor(spot.y / reach)];
    let near: Spot<T>[] | null = null;
    let least = reach;
    for (let dx = -1; dx <= 1; dx++) {
      for (let dy = -1; dy <= 1; dy++) {
        for (const cluster of cells.get(`${column + dx} ${row + dy}`) ?? []) {
          const [first] = cluster as [Spot<T>];
          const away = Math.hypot(first.x - spot.x, first.y - spot.y);
          if (away < least) [near, least] = [cluster, away];
        }
      }
    }
    if (near) {
      near.push(spot);
      continue;
    }
    const made = [spot];
    all.push(made);
    const cell = `${column} ${row}`;
    const known = cells.get(cell);
    if (known) known.push(made);
    else cells.set(cell, [made]);
  }
  return all;
}

/** Where zooming in parts them no more, they stand around their middle, `apart` from each other. */
export function spread<T>(cluster: readonly Spot<T>[], apart: number): Spot<T>[] {
  const [x, y] = middle(cluster);
  const angle = (2 * Math.PI) / cluster.length;
  const radius = apart / (2 * Math.sin(Math.min(angle, Math.PI) / 2));
  return cluster.map(({ item }, at) => ({
    item,
    x: x + radius * Math.sin(at * angle),
    y: y - radius * Math.cos(at * angle),
  }));
}

export function middle(cluster: readonly Spot<unknown>[]): [x: number, y: number] {
  const sum = (of: (spot: Spot<unknown>) => number) => cluster.reduce((all, spot) => all + of(spot), 0);
  return [sum(({ x }) => x) / cluster.length, sum(({ y }) => y) / cluster.length];
}
