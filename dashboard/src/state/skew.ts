/** How far this machine's clock is off the cloud's, from what the answers of the API say of their time. */

/** `Date` of an answer is a whole second. */
const STEP_MS = 1000;
/** An answer may be told late of, and neither clock is perfect. */
const TOLERATED_MS = 1500;

/**
 * What has to be added to this machine's time, given what was added until now; all in ms.
 *
 * The cloud's `date` was between asking and hearing, so a slow answer says little: what was known stays as long as it
 * can be true.
 */
export function corrected(skew: number, asked: number, heard: number, date: number): number {
  if (Number.isNaN(date)) return skew;
  const least = date - heard;
  const most = date + STEP_MS - asked;
  if (skew >= least - TOLERATED_MS && skew <= most + TOLERATED_MS) return skew;
  return Math.round((least + most) / 2);
}
