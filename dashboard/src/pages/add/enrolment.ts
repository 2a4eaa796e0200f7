/** How a device comes to its certificate: with a key of its own that soon ends. Its private key never leaves it. */

import { api, ask, newKey } from "../../api/api";
import { clock } from "../../state/clock.svelte";

const GOOD_FOR_MS = 3_600_000;

/** A key for the device, shown once. */
export async function freshKey(device: string): Promise<string> {
  const made = await ask(
    api.POST("/devices/{id}/keys", {
      params: { path: { id: device }, header: { "Idempotency-Key": newKey() } },
      body: { name: "enrolment", expires_at: clock.at() + GOOD_FOR_MS },
    }),
  );
  return made.key;
}

export type Sensors = "hardware" | "simulated";

/** What is typed on the device, in order. */
export function commands(device: string, key: string, sensors: Sensors, origin: string): string[] {
  const enrol = `fieldline-agent enrol --api ${origin}/v1 --thing ${device}`;
  if (sensors === "simulated") {
    return [
      `FIELDLINE_ENROL_KEY=${key} ${enrol} --dir ${device} --sensors simulated`,
      `fieldline-agent run --config ${device}/agent.toml`,
    ];
  }
  return [
    "sudo apt install ./fieldline-agent_*_arm64.deb",
    `sudo FIELDLINE_ENROL_KEY=${key} ${enrol} --dir /etc/fieldline`,
    "sudo systemctl enable --now fieldline-agent",
  ];
}
