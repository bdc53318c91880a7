/**
 * Suomi.fi design tokens in our sheets: `token(colors.brandBase)` becomes the token's value when the site is built.
 * Lengths in px become rem, so that they follow the reader's own text size.
 */
import { suomifiDesignTokens } from "suomifi-design-tokens";
import type { Plugin } from "vite";

const PIXELS_PER_REM = 16;

/** The value of the token at a path such as "spacing.m". Throws for one that there is not. */
export function token(path: string): string {
  const value = path
    .split(".")
    .reduce<unknown>(
      (at, name) => (typeof at === "object" && at !== null ? (at as Record<string, unknown>)[name] : undefined),
      suomifiDesignTokens,
    );
  if (typeof value !== "string") throw new Error(`suomifi-design-tokens has no ${path}`);
  return value.replace(/^(\d+)px$/, (_, pixels: string) => `${String(Number(pixels) / PIXELS_PER_REM)}rem`);
}

/** The same for all tokens of a sheet. */
export function withTokens(sheet: string): string {
  return sheet.replace(/\btoken\(([\w.]+)\)/g, (_, path: string) => token(path));
}

export function suomifiTokens(): Plugin {
  return {
    name: "suomifi-tokens",
    enforce: "pre",
    transform: (code, id) => (id.endsWith(".css") ? withTokens(code) : null),
  };
}
