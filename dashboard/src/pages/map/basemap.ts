/** The outlines that the app brings along (Natural Earth, public domain), and a deployment's own tiles where it names some. */

import * as L from "leaflet";
import { feature } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import world from "world-atlas/countries-50m.json?url";

export async function outlines(): Promise<L.GeoJSON> {
  const answer = await fetch(world);
  if (!answer.ok) throw new Error(`${world}: HTTP ${answer.status}`);
  const topology = (await answer.json()) as Topology<{ countries: GeometryCollection }>;
  return L.geoJSON(feature(topology, topology.objects.countries), {
    interactive: false,
    renderer: L.canvas({ padding: 0.5 }),
  } as L.GeoJSONOptions);
}

/** The address of tiles, from what the deployment says of itself; null where it names none. */
export async function tiles(): Promise<L.TileLayer | null> {
  const answer = await fetch("/config.json");
  if (!answer.ok) return null;
  const { map_tiles: address } = (await answer.json()) as { map_tiles: string | null };
  return address ? L.tileLayer(address, { maxZoom: 19 }) : null;
}
