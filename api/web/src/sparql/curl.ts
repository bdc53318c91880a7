/** The request of a query as a line for the shell, and as links. Pure. */

/** A word as a POSIX shell reads it. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

/** `parameters` are those of the protocol: query, at, default-graph-uri… */
export function curlLine(endpoint: string, accept: string, parameters: readonly (readonly [string, string])[]): string {
  const words = ["curl", "-sS", endpoint, "-H", `Accept: ${accept}`];
  for (const [name, value] of parameters) words.push("--data-urlencode", `${name}=${value}`);
  return words.map(quoted).join(" ");
}

/** Bytes of an address that the server still reads. */
export const LONGEST_ADDRESS = 16_000;

/** The address of the page with these parameters; undefined where it would be too long. */
export function link(path: string, parameters: readonly (readonly [string, string])[]): string | undefined {
  const search = new URLSearchParams(parameters.map(([name, value]) => [name, value]));
  const address = `${path}?${search.toString()}`;
  return address.length <= LONGEST_ADDRESS ? address : undefined;
}
