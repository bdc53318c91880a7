import { existsSync, readdirSync } from "node:fs";
import { defineConfig } from "vite";
import { suomifiTokens } from "./tokens";

const here = import.meta.dirname;
// Every file in islands/ and styles/ is an entry of its own: pages load only what they use.
const entries = ["islands", "styles"].flatMap((folder) =>
  (existsSync(`${here}/${folder}`) ? readdirSync(`${here}/${folder}`) : [])
    .filter((name) => /\.(ts|css)$/.test(name) && !/\.(test|d)\.ts$/.test(name))
    .map((name) => `${here}/${folder}/${name}`),
);

export default defineConfig({
  root: here,
  base: "./",
  publicDir: false,
  plugins: [suomifiTokens()],
  build: {
    outDir: "../static/dist",
    emptyOutDir: true,
    manifest: "manifest.json",
    modulePreload: false,
    target: "es2022",
    rollupOptions: { input: entries },
  },
});
