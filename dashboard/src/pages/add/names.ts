/** A thing's name, as `contract` has it: it is in the certificate and in every topic, and never changes. */

export const THING = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** What a name makes of itself: "Pump 7 (hall 2)" → "pump-7-hall-2". */
export function slug(name: string): string {
  return name
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, 63)
    .replace(/-+$/, "");
}
