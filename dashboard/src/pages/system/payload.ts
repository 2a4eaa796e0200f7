/** Bytes as they came, in base64, as a person reads them: text where they are text, else hexadecimal. */

const MOST = 4000;

export function readable(base64: string): string {
  const bytes = decoded(base64);
  if (!bytes) return base64.slice(0, MOST);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return (pretty(text) ?? text).slice(0, MOST);
  } catch {
    return Array.from(bytes.slice(0, MOST / 3), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  }
}

function decoded(base64: string): Uint8Array | null {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

function pretty(text: string): string | null {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}
