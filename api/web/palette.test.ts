/** The colours of the site can be read and told apart, in both schemes and by those who see fewer colours. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { token, withTokens } from "./tokens";

type Colour = readonly [number, number, number]; // linear red, green, blue: 0 to 1

const SHEET = withTokens(readFileSync(`${import.meta.dirname}/styles/site.css`, "utf8"));
const [LIGHT, DARK] = ["", "@media \\(prefers-color-scheme: dark\\)\\s*\\{\\s*"].map((before) => {
  const block = new RegExp(`${before}:root \\{([^}]*)\\}`).exec(SHEET)?.[1] ?? "";
  return new Map([...block.matchAll(/--([\w-]+):\s*([^;]+);/g)].map(([, name = "", value = ""]) => [name, value]));
}) as [Map<string, string>, Map<string, string>];

function linear(part: number): number {
  return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
}

function colour(scheme: Map<string, string>, name: string): Colour {
  const text = scheme.get(name) ?? "";
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/.exec(text);
  if (hex) return hex.slice(1).map((part) => linear(parseInt(part, 16) / 255)) as unknown as Colour;
  const hsl = /^hsl\((\d+), (\d+)%, (\d+)%\)$/.exec(text)?.slice(1).map(Number);
  if (!hsl) throw new Error(`--${name} is ${text}`);
  const [hue = 0, saturation = 0, lightness = 0] = hsl;
  const [s, l] = [saturation / 100, lightness / 100];
  return [0, 8, 4].map((n) => {
    const k = (n + hue / 30) % 12;
    return linear(l - s * Math.min(l, 1 - l) * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
  }) as unknown as Colour;
}

function luminance([red, green, blue]: Colour): number {
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** WCAG 2.2, contrast ratio. */
function contrast(one: Colour, other: Colour): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** Björn Ottosson's OKLab: equal distances look equally different. */
function oklab([red, green, blue]: Colour): Colour {
  const l = Math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue);
  const m = Math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue);
  const s = Math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

/** Machado, Oliveira, Fernandes 2009: what is left of a colour, severity 1. */
const SIGHT: Record<string, readonly [Colour, Colour, Colour]> = {
  "all colours": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};

const SCHEMES = [["light", LIGHT], ["dark", new Map([...LIGHT, ...DARK])]] as const;
const CATEGORIES = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `c${String(n)}`);

test.each(SCHEMES)("text can be read in the %s scheme", (_, scheme) => {
  const pairs = [
    ...["ink", "soft", "accent", "fault", "done", "warning"].flatMap((text) => [[text, "paper"], [text, "tint"]]),
    ...["accent", "fault", "done", "warning"].flatMap((kind) => [[kind, `${kind}-tint`], ["ink", `${kind}-tint`]]),
    ["on-accent", "accent"],
  ] as [string, string][];
  const poor = pairs.filter(([text, ground]) => contrast(colour(scheme, text), colour(scheme, ground)) < 4.5);
  expect(poor).toEqual([]);
});

test.each(SCHEMES)("edges, focus and categories stand out in the %s scheme", (_, scheme) => {
  const poor = ["edge", "focus", ...CATEGORIES].filter(
    (name) => contrast(colour(scheme, name), colour(scheme, "paper")) < 3,
  );
  expect(poor).toEqual([]);
});

test.each(SCHEMES.flatMap(([name, scheme]) => Object.entries(SIGHT).map((sight) => [name, scheme, ...sight] as const)))(
  "categories differ in the %s scheme (%#)",
  (_name, scheme, _sight, matrix) => {
    const seen = CATEGORIES.map((name) => {
      const given = colour(scheme, name);
      return oklab(
        matrix.map((row) => Math.max(0, row[0] * given[0] + row[1] * given[1] + row[2] * given[2])) as unknown as Colour,
      );
    });
    const apart = seen.flatMap((one, n) => seen.slice(n + 1).map((other) => Math.hypot(...one.map((x, i) => x - (other[i] ?? 0)))));
    expect(Math.min(...apart)).toBeGreaterThan(0.09);
  },
);

test("a token that there is not stops the build", () => {
  expect(() => token("colors.none")).toThrow("colors.none");
  expect(withTokens("a { margin: token(spacing.m) }")).toBe("a { margin: 1.25rem }");
});
