/** What stands on the map: devices, gathered where they are close, with the share of them that is offline; and fences. */

import * as L from "leaflet";

import type { Device } from "../../state/fleet.svelte";
import type { Standing } from "../../state/standing";
import { texts as t } from "../../texts";
import { type Spot, gather, middle, spread } from "./clusters";
import type { Fence, Place } from "./places";

const SVG = "http://www.w3.org/2000/svg";
const RING = 2 * Math.PI * 17;

/** Nearer on the screen they are one, in px. */
const REACH = 48;
const APART = 28;
const FARTHEST = 2;
const NEAREST = 18;
/** As near as a look at all of them comes. */
const CLOSE = 12;
/** What lies beside the view is drawn too, as far as a view is wide: it is there when the map is dragged. */
const BESIDE = 0.5;

interface Marked {
  readonly device: Device;
  readonly standing: Standing;
  readonly at: L.LatLng;
}

export class Drawing {
  readonly map: L.Map;
  readonly #devices = L.layerGroup();
  readonly #fences = L.layerGroup();
  #marked: readonly Marked[] = [];
  #zooming = false;
  /** By what is drawn there. */
  #drawn = new Map<string, L.Marker>();

  constructor(
    element: HTMLElement,
    private readonly opened: (device: string) => void,
  ) {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.map = L.map(element, {
      attributionControl: false,
      worldCopyJump: true,
      minZoom: FARTHEST,
      maxZoom: NEAREST,
      fadeAnimation: !calm,
      zoomAnimation: !calm,
      markerZoomAnimation: !calm,
    }).setView([30, 5], 2);
    this.map.addLayer(this.#devices).addLayer(this.#fences);
    this.map.on("zoomanim", () => (this.#zooming = true));
    this.map.on("zoomend", () => (this.#zooming = false));
    this.map.on("moveend resize", () => this.#draw());
  }

  /** Moves those that moved, and leaves the view where it is. */
  show(places: readonly Place[], now: number): void {
    this.#marked = places.map(({ device, at }) => ({
      device,
      standing: device.standing(now),
      at: L.latLng(at[0], at[1]),
    }));
    this.#draw();
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
    if (this.#marked.length) this.#near(this.#marked, CLOSE);
  }

  /** As near as it takes to see that one alone. */
  find(device: string): void {
    const one = this.#marked.find((marked) => marked.device.id === device);
    if (!one) return;
    const isAlone = (zoom: number) =>
      this.#clusters(zoom).some(([first, ...others]) => first?.item === one && others.length === 0);
    let zoom = this.map.getZoom();
    while (zoom < NEAREST && !isAlone(zoom)) zoom++;
    this.map.setView(one.at, zoom);
  }

  /** A map that is taken away while it zooms would end the zoom without its panes. */
  end(): void {
    if (this.#zooming) this.map.once("moveend", () => setTimeout(() => this.map.remove()));
    else this.map.remove();
  }

  #clusters(zoom: number): Spot<Marked>[][] {
    const spots = this.#marked.map((item) => {
      const { x, y } = this.map.project(item.at, zoom);
      return { x, y, item };
    });
    return gather(spots, REACH);
  }

  #draw(): void {
    const zoom = this.map.getZoom();
    const view = this.map.getBounds().pad(BESIDE);
    const next = new Map<string, L.Marker>();
    const put = (spots: readonly Spot<Marked>[]) => {
      const at = this.map.unproject(middle(spots), zoom);
      if (!view.contains(at)) return;
      const all = spots.map(({ item }) => item);
      const key = [at.lat, at.lng, ...all.map(({ device, standing }) => `${device.id} ${standing}`)].join();
      next.set(key, this.#drawn.get(key) ?? this.#marker(at, all));
    };
    for (const cluster of this.#clusters(zoom)) {
      if (cluster.length > 1 && zoom >= NEAREST) for (const spot of spread(cluster, APART)) put([spot]);
      else put(cluster);
    }
    for (const [key, marker] of this.#drawn) if (!next.has(key)) this.#devices.removeLayer(marker);
    for (const [key, marker] of next) if (!this.#drawn.has(key)) this.#devices.addLayer(marker);
    this.#drawn = next;
  }

  #marker(at: L.LatLng, all: readonly Marked[]): L.Marker {
    const [one, ...others] = all as [Marked, ...Marked[]];
    if (others.length > 0) return L.marker(at, { icon: gathered(all) }).on("click", () => this.#near(all, NEAREST));
    const { device, standing } = one;
    const alt = t.map.marker(device.name, t.status[standing]);
    return L.marker(at, { title: device.id, alt, icon: pin(standing) }).on("click", () => this.opened(device.id));
  }

  #near(all: readonly Marked[], nearest: number): void {
    this.map.fitBounds(L.latLngBounds(all.map(({ at }) => at)), { padding: [40, 40], maxZoom: nearest });
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
function gathered(all: readonly Marked[]): L.DivIcon {
  const of = (standing: Standing) => all.filter((one) => one.standing === standing).length;
  const [offline, stale] = [of("offline"), of("stale")];
  const arc = (className: string, from: number, count: number) =>
    element("circle", {
      class: className,
      cx: "20",
      cy: "20",
      r: "17",
      "stroke-dasharray": `${(RING * count) / all.length} ${RING}`,
      "stroke-dashoffset": `${(-RING * from) / all.length}`,
    });
  const drawn = element(
    "svg",
    {
      viewBox: "0 0 40 40",
      width: "40",
      height: "40",
      role: "img",
      "aria-label": t.map.cluster(all.length, offline),
    },
    element("circle", { class: "whole", cx: "20", cy: "20", r: "17" }),
    arc("part offline", 0, offline),
    arc("part stale", offline, stale),
    element("text", { x: "20", y: "25", "text-anchor": "middle" }, String(all.length)),
  );
  return icon(drawn, 40, "gathered");
}
