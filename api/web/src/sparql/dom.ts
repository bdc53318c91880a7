/** Small helpers to make elements. Text only ever becomes text; nothing here parses markup. */

export type Child = Node | string | undefined;
export type Texts = (key: string, values?: Readonly<Record<string, string | number>>) => string;

const SVG = "http://www.w3.org/2000/svg";

export function el<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

export function svg<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string | number>> = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[Name] {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

/** One tab stop for many marks of a picture: arrows, Home and End move between them. */
export function roving(marks: readonly (HTMLElement | SVGElement)[], chosen: (index: number) => void): void {
  marks.forEach((mark, index) => {
    mark.setAttribute("tabindex", index === 0 ? "0" : "-1");
    mark.addEventListener("focus", () => {
      for (const other of marks) other.setAttribute("tabindex", other === mark ? "0" : "-1");
      chosen(index);
    });
    mark.addEventListener("click", () => {
      mark.focus();
    });
    mark.addEventListener("keydown", (event) => {
      const key = (event as KeyboardEvent).key;
      const next =
        key === "ArrowRight" || key === "ArrowDown" ? index + 1
        : key === "ArrowLeft" || key === "ArrowUp" ? index - 1
        : key === "Home" ? 0
        : key === "End" ? marks.length - 1
        : undefined;
      if (next === undefined) return;
      event.preventDefault();
      marks[(next + marks.length) % marks.length]?.focus();
    });
  });
}
