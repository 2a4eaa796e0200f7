/** Numbers by the reader's locale, with the precision that the model gives, and units by UCUM. */

const UNITS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    Cel: "°C",
    "[degF]": "°F",
    K: "K",
    "%": "%",
    "1": "",
    "{count}": "",
    "m/s2": "m/s²",
    "[g]": "g",
    deg: "°",
    "km/h": "km/h",
    "m/s": "m/s",
    hPa: "hPa",
    Ohm: "Ω",
    kOhm: "kΩ",
    "mm/s": "mm/s",
    um: "µm",
    "ug/m3": "µg/m³",
    "[ppm]": "ppm",
  }),
);

/** A UCUM code as it is written beside a number. */
export const unit = (code: string | null | undefined): string =>
  code ? (UNITS.get(code) ?? code.replace(/[{}]/g, "")) : "";

const formats = new Map<string, Intl.NumberFormat>();

function format(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = JSON.stringify(options);
  let made = formats.get(key);
  if (!made) formats.set(key, (made = new Intl.NumberFormat(undefined, options)));
  return made;
}

/** So large, nobody counts digits. */
const VAST = 1e15;
/** Smaller ones would be shown as nothing, where no precision is known. */
const TINY = 0.001;

/** `precision` is how many digits stand behind the point. */
export function number(value: number, precision?: number | null): string {
  const size = Math.abs(value);
  if (size >= VAST || (precision == null && value !== 0 && size < TINY)) {
    const notation = size >= VAST || size < TINY ** 2 ? "scientific" : "standard";
    return format({ notation, maximumSignificantDigits: 3 }).format(value);
  }
  const digits = precision ?? (Math.abs(value) >= 1000 ? 0 : 3);
  return format({
    maximumFractionDigits: digits,
    ...(precision != null && { minimumFractionDigits: precision }),
  }).format(value);
}

export const count = (value: number): string => format({ maximumFractionDigits: 0 }).format(value);

/** 0.031 → "3.1 %". */
export const share = (value: number): string => format({ style: "percent", maximumFractionDigits: 1 }).format(value);

export const bytes = (value: number): string =>
  value < 1024
    ? `${count(value)} B`
    : value < 1_048_576
      ? `${number(value / 1024, 1)} KiB`
      : `${number(value / 1_048_576, 1)} MiB`;

export type Value = number | boolean | string | null | undefined;

/** A metric's value without its unit. */
export function shown(
  value: Value,
  precision: number | null | undefined,
  words: { yes: string; no: string; none: string },
): string {
  if (value === null || value === undefined) return words.none;
  if (typeof value === "boolean") return value ? words.yes : words.no;
  return typeof value === "number" ? number(value, precision) : value;
}
