import { describe, expect, it } from "vitest";

import { earlierBy, hidden, linesOf, withLines } from "../../../src/pages/charts/query";
import { fileOf, rowsOf } from "../../../src/pages/charts/rows";

describe("the address of the charts", () => {
  it("has each line once, in its order, and no more than there are colours for", () => {
    const query = new URLSearchParams([
      ["s", "pump-7:temperature"],
      ["s", "pump-7:temperature"],
      ["s", "nothing"],
      ["s", ":metric"],
      ["s", "pump-7:"],
      ...Array.from({ length: 10 }, (_, at) => ["s", `pump-${at}:a:b`]),
    ]);
    const lines = linesOf(query);
    expect(lines).toHaveLength(8);
    expect(lines[0]).toEqual({ device: "pump-7", metric: "temperature" });
    expect(lines[1]).toEqual({ device: "pump-0", metric: "a:b" });
  });

  it("keeps the rest as lines are changed", () => {
    const next = new URLSearchParams(withLines("?from=now-6h&s=a:b&zone=utc", [{ device: "c", metric: "d" }]));
    expect(Object.fromEntries(next)).toEqual({ from: "now-6h", zone: "utc", s: "c:d" });
  });

  it("says what is hidden, and what it is compared with", () => {
    const query = new URLSearchParams("vs=7d&hide=alarms,events");
    expect(earlierBy(query)).toBe(7 * 86_400_000);
    expect(earlierBy(new URLSearchParams("vs=soon"))).toBeNull();
    expect(hidden(query).has("events")).toBe(true);
  });
});

describe("the table of a chart", () => {
  const temperature = { label: "Temperature", unit: "Cel", color: 1, points: { ts: [1001, 2001], avg: [20, null] } };
  const humidity = {
    label: "Humidity",
    unit: "%",
    color: 2,
    points: { ts: [1003, 1500], avg: [40, 41], min: [39, 40], max: [42, 43], bin: 60 },
  };

  it("has what was read at about the same time in one row, and loses nothing that was read twice within it", () => {
    const rows = rowsOf([temperature, humidity], 0, 5000, 1000);
    expect(rows.map(({ at, cells }) => [at, ...cells.map((cell) => cell?.avg)])).toEqual([
      [1500, undefined, 41],
      [1001, 20, 40],
    ]);
  });

  it("leaves out what is beside the range", () => {
    expect(rowsOf([temperature, humidity], 1002, 1400)).toHaveLength(1);
  });

  it("becomes a file with exact times, the oldest first, and the least and greatest of bins", () => {
    const { header, rows } = fileOf([temperature, humidity], 0, 5000, { min: "min", max: "max" });
    expect(header).toEqual(["time", "ts", "Temperature [°C]", "Humidity [%]", "Humidity [%] min", "Humidity [%] max"]);
    expect(rows.map(([, ts]) => ts)).toEqual([1001, 1003, 1500]);
    expect(rows[1]).toEqual(["1970-01-01T00:00:01.003Z", 1003, undefined, 40, 39, 42]);
  });
});
