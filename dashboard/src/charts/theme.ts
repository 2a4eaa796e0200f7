/** The tokens of the sheet as a canvas needs them. */

export interface Theme {
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  readonly edge: string;
  readonly surface: string;
  readonly accent: string;
  readonly series: readonly string[];
  readonly severity: Readonly<Record<string, string>>;
  readonly font: string;
}

const SERIES = 8;
const LEVELS = ["critical", "major", "minor", "warning", "info"];

let made: { shade: string | undefined; theme: Theme } | null = null;

/** Of the shade that the page has now. */
export function theme(): Theme {
  const shade = document.documentElement.dataset["shade"];
  if (made?.shade !== shade) made = { shade, theme: read() };
  return (made as { theme: Theme }).theme;
}

function read(): Theme {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    text: token("text"),
    muted: token("muted"),
    line: token("line"),
    edge: token("edge"),
    surface: token("surface"),
    accent: token("accent"),
    series: Array.from({ length: SERIES }, (_, at) => token(`series-${at + 1}`)),
    severity: Object.fromEntries(LEVELS.map((level) => [level, token(level)])),
    font: style.fontFamily,
  };
}

/** Tells whenever the shade changes, until the function that comes back is called. */
export function onTheme(tell: () => void): () => void {
  const observer = new MutationObserver(tell);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-shade"] });
  return () => observer.disconnect();
}

/** Dashes in CSS pixels, so that lines are told apart without their colours. */
const DASHES: readonly (readonly number[])[] = [
  [],
  [7, 3],
  [2, 3],
  [10, 3, 2, 3],
  [4, 4],
  [12, 4],
  [6, 2, 2, 2],
  [1, 2],
];

export const dashes = (color: number): readonly number[] => DASHES[(color - 1) % SERIES] ?? [];
