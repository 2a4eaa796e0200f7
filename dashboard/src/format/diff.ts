/** What differs between two texts, line by line. */

export interface Line {
  readonly kind: "same" | "added" | "removed";
  readonly text: string;
}

/** By the longest common subsequence of lines; what is removed stands before what is added in its place. */
export function lineDiff(before: readonly string[], after: readonly string[]): Line[] {
  // What is compared costs rows times columns, and most of a long text was not touched.
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  const same = (text: string): Line => ({ kind: "same", text });
  return [
    ...before.slice(0, head).map(same),
    ...between(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...before.slice(before.length - tail).map(same),
  ];
}

function between(before: readonly string[], after: readonly string[]): Line[] {
  const [rows, columns] = [before.length, after.length];
  // common[row][column]: how much the rests have in common.
  const common = Array.from({ length: rows + 1 }, () => new Uint16Array(columns + 1));
  for (let row = rows - 1; row >= 0; row--) {
    for (let column = columns - 1; column >= 0; column--) {
      const [here, below] = [common[row], common[row + 1]] as [Uint16Array, Uint16Array];
      here[column] =
        before[row] === after[column]
          ? (below[column + 1] as number) + 1
          : Math.max(below[column] as number, here[column + 1] as number);
    }
  }
  const lines: Line[] = [];
  let [row, column] = [0, 0];
  while (row < rows || column < columns) {
    if (row < rows && column < columns && before[row] === after[column]) {
      lines.push({ kind: "same", text: before[row++] as string });
      column++;
    } else if (row < rows && (column === columns || at(common, row + 1, column) >= at(common, row, column + 1))) {
      lines.push({ kind: "removed", text: before[row++] as string });
    } else {
      lines.push({ kind: "added", text: after[column++] as string });
    }
  }
  return lines;
}

const at = (common: readonly Uint16Array[], row: number, column: number) => common[row]?.[column] ?? 0;

export interface Pair {
  readonly before: Line | null;
  readonly after: Line | null;
}

/** Side by side: a removed line beside the one that was added in its place. */
export function sideBySide(lines: readonly Line[]): Pair[] {
  const pairs: Pair[] = [];
  let removed: Line[] = [];
  let added: Line[] = [];
  const flush = () => {
    for (let index = 0; index < Math.max(removed.length, added.length); index++) {
      pairs.push({ before: removed[index] ?? null, after: added[index] ?? null });
    }
    [removed, added] = [[], []];
  };
  for (const line of lines) {
    if (line.kind === "removed") removed.push(line);
    else if (line.kind === "added") added.push(line);
    else {
      flush();
      pairs.push({ before: line, after: line });
    }
  }
  flush();
  return pairs;
}
