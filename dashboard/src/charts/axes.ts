/** What stands at the axes: times in a zone, numbers by the locale. */

const DAY = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string | undefined, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = JSON.stringify([zone, options]);
  let made = formats.get(key);
  if (!made)
    formats.set(key, (made = new Intl.DateTimeFormat(undefined, { ...options, ...(zone && { timeZone: zone }) })));
  return made;
}

const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;

/** No more than is needed at a step of so many ms; where a day begins, its date. */
export function timeLabels(splits: readonly number[], step: number, zone: string | undefined): string[] {
  let day = "";
  return splits.map((at) => {
    const date = format(zone, { day: "numeric", month: "short" }).format(at);
    const isNew = date !== day;
    day = date;
    if (step >= 28 * DAY) return format(zone, { month: "short", year: "numeric" }).format(at);
    if (step >= DAY) return date;
    const time = format(zone, {
      ...CLOCK,
      ...(step < 60_000 && { second: "2-digit" }),
      ...(step < 1000 && { fractionalSecondDigits: 3 }),
    }).format(at);
    return isNew && /^00:00(:00(\.000)?)?$/.test(time) ? date : time;
  });
}

/** A time of a readout: to the second, or the minute of long ranges; with its date. */
export function instant(at: number, zone: string | undefined, step = 0): string {
  const parts = step >= DAY ? {} : step >= 60_000 ? CLOCK : { ...CLOCK, second: "2-digit" as const };
  return format(zone, { day: "numeric", month: "short", ...parts }).format(at);
}

/** What a y axis spans: the values with a little air, and thresholds as far as that leaves the values readable. */
export function span(
  extents: readonly ([number, number] | null)[],
  thresholds: readonly number[],
  isSwitch: boolean,
): [number, number] {
  if (isSwitch) return [-0.1, 1.1];
  const known = extents.filter((one) => one !== null);
  let low = Math.min(...known.map(([least]) => least), ...(known.length ? [] : thresholds));
  let high = Math.max(...known.map(([, most]) => most), ...(known.length ? [] : thresholds));
  if (!(low <= high)) return [0, 1];
  const most = 4 * (high - low || Math.abs(high) * 0.1 || 1);
  for (const value of known.length ? thresholds : []) {
    const wider: [number, number] = [Math.min(low, value), Math.max(high, value)];
    if (wider[1] - wider[0] <= most) [low, high] = wider;
  }
  const air = high > low ? (high - low) * 0.08 : Math.abs(high) * 0.02 || 1;
  return [low - air, high + air];
}
