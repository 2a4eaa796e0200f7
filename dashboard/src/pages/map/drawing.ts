/** What stands on the map: devices, gathered where they are close, with the share of them that is offline; and fences. */

import L from "leaflet";
import "leaflet.markercluster";

import { texts as t } from "../../texts";
import type { Standing } from "../../state/standing";
import type { Fence, Place } from "./places";

const SVG = "http://www.w3.org/2000/svg";
const RING = 2 * Math.PI * 17;

interface Marked extends L.MarkerOptions {
  standing: Standing;
}

export class Drawing {
  readonly map: L.Map;
  readonly #devices: L.MarkerClusterGroup;
  readonly #fences = L.layerGroup();
  #markers = new Map<string, L.Marker>();

  constructor(element: HTMLElement, opened: (device: string) => void) {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.map = L.map(element, {
      attributionControl: false,
      worldCopyJump: true,
      minZoom: 2,
      maxZoom: 18,
      fadeAnimation: !calm,
      zoomAnimation: !calm,
      markerZoomAnimation: !calm,
    }).setView([30, 5], 2);
    this.#devices = L.markerClusterGroup({
      animate: !calm,
      showCoverageOnHover: false,
      maxClusterRadius: 48,
      iconCreateFunction: (cluster) => gathered(cluster.getAllChildMarkers()),
    });
    this.#devices.on("click", (event) => opened(String((event.propagatedFrom as L.Marker).options.title)));
    this.map.addLayer(this.#devices).addLayer(this.#fences);
  }

  /** Moves those that moved, and leaves the view where it is. */
  show(places: readonly Place[], now: number): void {
    const next = new Map<string, L.Marker>();
    for (const { device, at } of places) {
      const standing = device.standing(now);
      const known = this.#markers.get(device.id);
      const position = L.latLng(at[0], at[1]);
      if (known && known.getLatLng().equals(position) && (known.options as Marked).standing === standing) {
        next.set(device.id, known);
        continue;
      }
      if (known) this.#devices.removeLayer(known);
      const options: Marked = {
        title: device.id,
        alt: t.map.marker(device.name, t.status[standing]),
        icon: pin(standing),
        standing,
        keyboard: true,
      };
      const marker = L.marker(position, options);
      this.#devices.addLayer(marker);
      next.set(device.id, marker);
    }
    for (const [id, marker] of this.#markers) if (!next.has(id)) this.#devices.removeLayer(marker);
    this.#markers = next;
  }

  fence(fences: readonly Fence[]): void {
    this.#fences.clearLayers();
    for (const fence of fences) {
      const style = { className: "fence", interactive: true };
      const shape =
        fence.kind === "circle"
          ? L.circle([fence.at[0], fence.at[1]], { ...style, radius: fence.radius })
          : L.polygon(
              fence.points.map(([latitude, longitude]) => [latitude, longitude] as L.LatLngTuple),
              style,
            );
      shape.bindTooltip(document.createTextNode(fence.title) as unknown as HTMLElement).addTo(this.#fences);
    }
  }

  /** Everything in view. */
  fit(): void {
    const bounds = this.#devices.getBounds();
    if (bounds.isValid()) this.map.fitBounds(bounds, { padding: [40, 40], maxZoom: 12 });
  }

  /** As near as it takes to see that one alone. */
  find(device: string): void {
    const marker = this.#markers.get(device);
    if (marker) this.#devices.zoomToShowLayer(marker, () => this.map.panTo(marker.getLatLng()));
  }

  end(): void {
    this.map.remove();
  }
}

/** Elements, since the pages' policy allows no style in markup. */
function element(name: string, attributes: Readonly<Record<string, string>>, ...inside: (Element | string)[]): Element {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

function icon(drawn: Element, size: number, className: string): L.DivIcon {
  return L.divIcon({ html: drawn as unknown as HTMLElement, className, iconSize: [size, size] });
}

function pin(standing: Standing): L.DivIcon {
  const shape =
    { online: "M12 4a8 8 0 1 1 0 16a8 8 0 0 1 0-16z", stale: "M5 5h14v14H5z" }[standing as "online" | "stale"] ??
    "M12 3 21 20H3z";
  return icon(
    element(
      "svg",
      { viewBox: "0 0 24 24", width: "24", height: "24", "aria-hidden": "true" },
      element("path", { d: shape }),
    ),
    24,
    `pin ${standing}`,
  );
}

/** A ring, red as far as its devices are offline, amber as far as they are stale. */
function gathered(markers: readonly L.Marker[]): L.DivIcon {
  const of = (standing: Standing) =>
    markers.filter((marker) => (marker.options as Marked).standing === standing).length;
  const [offline, stale] = [of("offline"), of("stale")];
  const arc = (className: string, from: number, count: number) =>
    element("circle", {
      class: className,
      cx: "20",
      cy: "20",
      r: "17",
      "stroke-dasharray": `${(RING * count) / markers.length} ${RING}`,
      "stroke-dashoffset": `${(-RING * from) / markers.length}`,
    });
  const drawn = element(
    "svg",
    {
      viewBox: "0 0 40 40",
      width: "40",
      height: "40",
      role: "img",
      "aria-label": t.map.cluster(markers.length, offline),
    },
    element("circle", { class: "whole", cx: "20", cy: "20", r: "17" }),
    arc("part offline", 0, offline),
    arc("part stale", offline, stale),
    element("text", { x: "20", y: "25", "text-anchor": "middle" }, String(markers.length)),
  );
  return icon(drawn, 40, "gathered");
}
