import { expect, test } from "vitest";

import { hex, read } from "../../../src/pages/device/quarantine/bytes";

const base64 = (text: string) => Buffer.from(text, "latin1").toString("base64");

test("JSON is indented", () => expect(read(base64('{"v":1}'))).toEqual({ kind: "json", text: '{\n  "v": 1\n}' }));

test("other text is shown as it is", () =>
  expect(read(base64("temperature=21.5"))).toEqual({ kind: "text", text: "temperature=21.5" }));

test("what is no text is shown byte by byte", () => {
  expect(read(base64("\xff\xfe")).kind).toBe("hex");
  expect(read(base64("a\x00b")).text).toBe("00000000  61 00 62                                         a.b");
});

test("sixteen bytes a row, with where it begins", () => {
  const rows = hex(Uint8Array.from({ length: 17 }, (_, at) => at)).split("\n");
  expect(rows).toHaveLength(2);
  expect(rows[1]).toMatch(/^00000010 {2}10 /);
});
