/** Rows with coordinates: WKT points, or a column of latitudes beside one of longitudes. Pure. */

import type { Result, Row, Term } from "./result";

export interface Spot {
  readonly latitude: number;
  readonly longitude: number;
  readonly row: Row;
}

export interface Found {
  readonly spots: readonly Spot[];
  /** Column whose values name the places; -1 if there is none. */
  readonly name: number;
  readonly cut: boolean;
}

export const MOST_SPOTS = 500;
const POINT = /^\s*(?:<([^>]*)>\s*)?POINT\s*Z?\s*\(\s*(-?\d+(?:\.\d+)?)[\s,]+(-?\d+(?:\.\d+)?)(?:\s+-?\d+(?:\.\d+)?)?\s*\)\s*$/i;
const LATITUDE = /^(?:lat|latitude|leveyspiiri|leveysaste|breddgrad)$/i;
const LONGITUDE = /^(?:long?|lng|longitude|pituuspiiri|pituusaste|l[äa]ngdgrad)$/i;

/** Longitude and latitude of a WKT point; undefined for anything else and for places not on the globe. */
export function pointOf(term: Term | undefined): readonly [number, number] | undefined {
  if (term?.type !== "literal") return undefined;
  const found = POINT.exec(term.value.slice(0, 500));
  if (!found) return undefined;
  const [first, second] = [Number(found[2]), Number(found[3])];
  // EPSG:4326 names the latitude first; CRS84, which GeoSPARQL takes for granted, the longitude.
  const [longitude, latitude] = /EPSG\/.*4326/i.test(found[1] ?? "") ? [second, first] : [first, second];
  return on(longitude, latitude) ? [longitude, latitude] : undefined;
}

function on(longitude: number, latitude: number): boolean {
  return Math.abs(longitude) <= 180 && Math.abs(latitude) <= 90;
}

export function spotsOf(result: Result): Found {
  const columns = result.columns.map((_, column) => column);
  const shape = columns.find((column) => result.rows.some((row) => pointOf(row[column])));
  const latitude = result.columns.findIndex((name) => LATITUDE.test(name));
  const longitude = result.columns.findIndex((name) => LONGITUDE.test(name));
  const spots: Spot[] = [];
  let cut = result.cut;
  for (const row of result.rows) {
    const place =
      shape !== undefined ? pointOf(row[shape]) : latitude >= 0 && longitude >= 0 ? pair(row[longitude], row[latitude]) : undefined;
    if (!place) continue;
    if (spots.length >= MOST_SPOTS) {
      cut = true;
      break;
    }
    spots.push({ longitude: place[0], latitude: place[1], row });
  }
  const taken = new Set([shape, latitude, longitude]);
  return { spots, name: columns.find((column) => !taken.has(column)) ?? -1, cut };
}

function pair(longitude: Term | undefined, latitude: Term | undefined): readonly [number, number] | undefined {
  if (longitude?.type !== "literal" || latitude?.type !== "literal") return undefined;
  const [east, north] = [Number.parseFloat(longitude.value), Number.parseFloat(latitude.value)];
  return Number.isFinite(east) && Number.isFinite(north) && on(east, north) ? [east, north] : undefined;
}

/** From degrees to a box of the given size, with true proportions at the middle latitude. */
export function projection(spots: readonly Spot[], width: number, height: number, margin = 30): (spot: Spot) => readonly [number, number] {
  const [west, east] = [Math.min(...spots.map((s) => s.longitude)), Math.max(...spots.map((s) => s.longitude))];
  const [south, north] = [Math.min(...spots.map((s) => s.latitude)), Math.max(...spots.map((s) => s.latitude))];
  const squeeze = Math.cos((((south + north) / 2) * Math.PI) / 180) || 1;
  const across = Math.max((east - west) * squeeze, 0.001);
  const up = Math.max(north - south, 0.001);
  const scale = Math.min((width - 2 * margin) / across, (height - 2 * margin) / up);
  return (spot) => [
    width / 2 + (spot.longitude - (west + east) / 2) * squeeze * scale,
    height / 2 - (spot.latitude - (south + north) / 2) * scale,
  ];
}
