import fc from "fast-check";
import { expect, it } from "vitest";

import { commands } from "../../src/pages/add/enrolment";
import { THING, slug } from "../../src/pages/add/names";

it.each([
  ["Pump 7 (hall 2)", "pump-7-hall-2"],
  ["Kühlhaus Öst", "kuhlhaus-ost"],
  ["--boiler--", "boiler"],
  ["泵", ""],
])("%s makes the thing name %s", (name, thing) => {
  expect(slug(name)).toBe(thing);
});

it("makes a thing name of any name that has a letter or a digit, or none", () => {
  fc.assert(fc.property(fc.string({ maxLength: 200 }), (name) => slug(name) === "" || THING.test(slug(name))));
});

it("says what is typed on a Pi, and on a machine without sensors", () => {
  const [install, enrol, start] = commands("pump-7", "fld_k", "hardware", "https://iot.example.com");
  expect(install).toContain("apt install");
  expect(enrol).toBe(
    "sudo FIELDLINE_ENROL_KEY=fld_k fieldline-agent enrol --api https://iot.example.com/v1 --thing pump-7 --dir /etc/fieldline",
  );
  expect(start).toContain("systemctl enable --now");
  expect(commands("pump-7", "fld_k", "simulated", "http://127.0.0.1:8420")).toEqual([
    "FIELDLINE_ENROL_KEY=fld_k fieldline-agent enrol --api http://127.0.0.1:8420/v1 --thing pump-7 --dir pump-7 --sensors simulated",
    "fieldline-agent run --config pump-7/agent.toml",
  ]);
});
