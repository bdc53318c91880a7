/** A result as the numbers of a chart: a column that names, and columns of numbers. Pure. */

import type { Result, Term } from "./result";
import { numberOf } from "./show";

export interface Chart {
  /** Column that names the points. */
  readonly label: number;
  /** Columns of numbers, five at most. */
  readonly series: readonly number[];
  /** A line where the names are years or dates that grow; bars else. */
  readonly kind: "bar" | "line";
  readonly points: readonly { readonly name: Term | undefined; readonly values: readonly (number | undefined)[] }[];
  readonly cut: boolean;
}

export const MOST_POINTS = 60;
export const MOST_SERIES = 5;

export function chartOf(result: Result, label?: number): Chart | undefined {
  const numeric = result.columns.map((_, column) => column).filter((column) => isNumeric(result, column));
  const times = result.columns.map((_, column) => column).filter((column) => isTime(result, column));
  const chosen =
    label ??
    result.columns.findIndex((_, column) => !numeric.includes(column) && !times.includes(column));
  const names = chosen >= 0 ? chosen : (times[0] ?? -1);
  const series = numeric.filter((column) => column !== names && !isYear(result, column)).slice(0, MOST_SERIES);
  if (names < 0 || series.length === 0) return undefined;
  const points = result.rows.slice(0, MOST_POINTS).map((row) => ({
    name: row[names],
    values: series.map((column) => numberOf(row[column])),
  }));
  return {
    label: names,
    series,
    kind: times.includes(names) && grows(result, names) ? "line" : "bar",
    points,
    cut: result.cut || result.rows.length > MOST_POINTS,
  };
}

function bound(result: Result, column: number): Term[] {
  return result.rows.slice(0, 500).map((row) => row[column]).filter((term) => term !== undefined);
}

function isNumeric(result: Result, column: number): boolean {
  const some = bound(result, column);
  return some.length > 0 && some.every((term) => numberOf(term) !== undefined);
}

function isYear(result: Result, column: number): boolean {
  return bound(result, column).every((term) => term.datatype?.endsWith("gYear") ?? false);
}

function isTime(result: Result, column: number): boolean {
  const some = bound(result, column);
  return some.length > 0 && some.every((term) => /(?:#|:)(?:gYear|gYearMonth|date|dateTime)$/.test(term.datatype ?? ""));
}

function grows(result: Result, column: number): boolean {
  const values = bound(result, column).map((term) => term.value);
  return values.every((value, index) => index === 0 || value > (values[index - 1] ?? ""));
}

/** Round numbers for an axis from 0 (or below) to the largest value. */
export function ticks(low: number, high: number, wanted = 5): number[] {
  const from = Math.min(0, low);
  const to = Math.max(0, high);
  const span = to - from || 1;
  const rough = span / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const first = Math.floor(from / step);
  const last = Math.ceil(to / step);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}
