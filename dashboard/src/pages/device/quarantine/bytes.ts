/** The bytes of a message, as somebody can read them. */

export interface Read {
  readonly kind: "json" | "text" | "hex";
  readonly text: string;
}

/** As indented JSON if it is that, else as text if it is UTF-8 without control characters, else byte by byte. */
export function read(base64: string): Read {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const text = utf8(bytes);
  if (text === null) return { kind: "hex", text: hex(bytes) };
  try {
    return { kind: "json", text: JSON.stringify(JSON.parse(text), null, 2) };
  } catch {
    return { kind: "text", text };
  }
}

function utf8(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    // eslint-disable-next-line no-control-regex -- these are what makes it no text
    return /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(text) ? null : text;
  } catch {
    return null;
  }
}

const ROW = 16;

/** `00000010  7b 22 76 …  {"v…` */
export function hex(bytes: Uint8Array): string {
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += ROW) {
    const row = [...bytes.subarray(at, at + ROW)];
    const digits = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const shown = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
    rows.push(`${at.toString(16).padStart(8, "0")}  ${digits.padEnd(ROW * 3 - 1)}  ${shown}`);
  }
  return rows.join("\n");
}
