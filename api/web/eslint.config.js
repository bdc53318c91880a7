import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig({
  files: ["**/*.ts"],
  extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
  languageOptions: { parserOptions: { projectService: true } },
  linterOptions: { reportUnusedDisableDirectives: "error" },
  rules: {
    // What comes from the graph is text: it is never parsed as HTML, and nothing is kept in the browser.
    "no-restricted-properties": [
      "error",
      ...["innerHTML", "outerHTML", "insertAdjacentHTML"].map((property) => ({
        property,
        message: "build elements (src/dom.ts): a label may be hostile",
      })),
    ],
    "no-restricted-globals": ["error", "localStorage", "sessionStorage", "indexedDB"],
    eqeqeq: "error",
  },
});
