/** One question to the endpoint: sent, read up to a limit, refused in words. */

import { readSolutions, readTriples, type Result } from "./result";

export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly hint?: string;
  readonly line?: number;
  readonly column?: number;
  /** Seconds after which to try again. */
  readonly retry?: number;
}

export interface Answer {
  readonly result: Result;
  readonly raw: string;
  readonly generation: string;
}

export class Refused extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.title);
    this.problem = problem;
  }
}

/** Characters of an answer that are read; the server sends more, but a page is not the place for it. */
export const MOST_TEXT = 20_000_000;
const ACCEPT = "application/sparql-results+json, application/n-triples;q=0.9";

/** Raises Refused, AbortError (by `signal`), TypeError where the server is not reached. */
export async function ask(
  endpoint: string,
  lang: string,
  parameters: readonly (readonly [string, string])[],
  signal: AbortSignal,
): Promise<Answer> {
  const response = await fetch(`${endpoint}?lang=${lang}`, {
    method: "POST",
    headers: { accept: ACCEPT, "content-type": "application/x-www-form-urlencoded;charset=utf-8" },
    body: new URLSearchParams(parameters.map(([name, value]) => [name, value])),
    credentials: "same-origin",
    signal,
  });
  if (!response.ok) throw new Refused(await problemOf(response));
  const { text, complete } = await textOf(response);
  const json = (response.headers.get("content-type") ?? "").includes("json");
  return {
    result: json ? readSolutions(text, complete) : readTriples(text, complete),
    raw: text,
    generation: response.headers.get("kymgraph-generation") ?? "",
  };
}

async function textOf(response: Response): Promise<{ text: string; complete: boolean }> {
  if (!response.body) return { text: await response.text(), complete: true };
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const parts: string[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { text: parts.join(""), complete: true };
    parts.push(value);
    length += value.length;
    if (length > MOST_TEXT) {
      await reader.cancel();
      return { text: parts.join(""), complete: false };
    }
  }
}

async function problemOf(response: Response): Promise<Problem> {
  let said: Record<string, unknown> = {};
  try {
    said = (await response.json()) as Record<string, unknown>;
  } catch {
    // A proxy's own page says nothing that a reader could use.
  }
  const text = (name: string): string => (typeof said[name] === "string" ? said[name] : "");
  const number = (name: string): number | undefined => (typeof said[name] === "number" ? said[name] : undefined);
  const retry = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
  const [line, column] = [number("line"), number("column")];
  return {
    status: response.status,
    code: text("code"),
    title: text("title") || `HTTP ${String(response.status)}`,
    detail: text("detail"),
    ...(text("hint") ? { hint: text("hint") } : {}),
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
    ...(Number.isFinite(retry) ? { retry } : {}),
  };
}
