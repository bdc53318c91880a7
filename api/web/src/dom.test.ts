// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { find, findAll, make, safeAddress } from "./dom";

test("a hostile label stays text", () => {
  const made = make("p", { class: "tag", hidden: false }, "<img src=x onerror=alert(1)>");
  expect(made.children.length).toBe(0);
  expect(made.textContent).toBe("<img src=x onerror=alert(1)>");
  expect(made.hasAttribute("hidden")).toBe(false);
});

test("no handler comes in as an attribute", () => {
  expect(() => make("a", { onclick: "alert(1)" })).toThrow();
});

test("elements are found by kind", () => {
  document.body.replaceChildren(make("form", {}, make("input", { id: "year" }), make("b", { class: "x" })));
  expect(find("#year", HTMLInputElement)?.id).toBe("year");
  expect(find("#year", HTMLFormElement)).toBeNull();
  expect(findAll(".x", HTMLElement).length).toBe(1);
});

test.each([
  ["https://a.example/", true],
  ["/page/x", true],
  ["javascript:alert(1)", false],
  [" JavaScript:alert(1)", false],
  ["data:text/html,x", false],
])("%s in a link: %s", (address, safe) => {
  expect(safeAddress(address) !== null).toBe(safe);
});
