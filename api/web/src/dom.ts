/** What islands share to find and make elements. Texts become text nodes only: a label may be hostile. */

/** The first element that fits, as the type asked for; null if there is none or it is another kind. */
export function find<T extends Element>(
  selector: string,
  kind: new () => T,
  within: ParentNode = document,
): T | null {
  const found = within.querySelector(selector);
  return found instanceof kind ? found : null;
}

/** All elements that fit and are of the kind. */
export function findAll<T extends Element>(
  selector: string,
  kind: new () => T,
  within: ParentNode = document,
): T[] {
  return [...within.querySelectorAll(selector)].filter((found): found is T => found instanceof kind);
}

/** A new HTML element with attributes and contents; false and null leave an attribute out. */
export function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, string | boolean | null>> = {},
  ...contents: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (/^on/i.test(key)) throw new Error(`${key}: handlers are added with addEventListener`);
    if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...contents);
  return made;
}

/** An address that may stand in a link: http, https or a path of this site; null for anything else. */
export function safeAddress(address: string): string | null {
  try {
    return /^https?:$/.test(new URL(address, location.href).protocol) ? address : null;
  } catch {
    return null;
  }
}
