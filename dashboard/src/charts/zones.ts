/** Instants and what the clock on a wall shows, in a zone by its IANA name; undefined is the browser's. */

const formats = new Map<string, Intl.DateTimeFormat>();

function parts(at: number, zone: string | undefined): Record<string, number> {
  const key = zone ?? "";
  let format = formats.get(key);
  if (!format) {
    const all = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" } as const;
    format = new Intl.DateTimeFormat("en-GB", {
      ...all,
      second: "2-digit",
      hourCycle: "h23",
      calendar: "gregory",
      ...(zone && { timeZone: zone }),
    });
    formats.set(key, format);
  }
  return Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
}

/** How far the wall is ahead of UTC, ms. */
function ahead(at: number, zone: string | undefined): number {
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts(at, zone);
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
}

const two = (value: number) => String(value).padStart(2, "0");

/** `2026-11-30T14:05:09`, as an input of type datetime-local has it. */
export function wall(at: number, zone: string | undefined): string {
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = parts(at, zone);
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}`;
}

/**
 * The instant at which the wall shows it; null of what is no such text. Where clocks are put back it is the first of
 * the two, where they are put forward and skip it the instant by the clock from before.
 */
export function instantOf(text: string, zone: string | undefined): number | null {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/.test(text)) return null;
  const utc = Date.parse(`${text}Z`);
  if (Number.isNaN(utc)) return null;
  const DAY = 86_400_000;
  const offsets = [ahead(utc - DAY, zone), ahead(utc + DAY, zone)] as const;
  const fitting = offsets.map((offset) => utc - offset).filter((at) => wall(at, zone) === wall(utc, "UTC"));
  return fitting.length ? Math.min(...fitting) : utc - offsets[0];
}

/** When the day of an instant begins, or the one so many days after it. */
export function dayOf(at: number, zone: string | undefined, days = 0): number {
  const [date = ""] = wall(at, zone).split("T");
  const day = new Date(Date.parse(`${date}T00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
  return instantOf(`${day}T00:00`, zone) ?? at;
}
