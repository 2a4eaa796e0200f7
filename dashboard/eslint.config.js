import js from "@eslint/js";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";

import svelteConfig from "./svelte.config.js";

export default ts.config(
  { ignores: ["dist/", "node_modules/"] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  { languageOptions: { globals: globals.browser } },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: [".svelte"], svelteConfig } },
  },
  {
    rules: {
      // Svelte's own compiler and TypeScript see these better.
      "no-undef": "off",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      // The policy of the pages refuses inline styles and unescaped markup.
      "svelte/no-at-html-tags": "error",
      "no-restricted-syntax": [
        "error",
        {
          selector: "SvelteAttribute[key.name='style']",
          message: "The pages' policy allows no style attribute; `style:name={value}` goes by script.",
        },
      ],
      "svelte/no-target-blank": "error",
      // It takes every URLSearchParams and Set for state, also those that live within one call.
      "svelte/prefer-svelte-reactivity": "off",
      // This router is not SvelteKit's.
      "svelte/no-navigation-without-resolve": "off",
      "max-lines": ["error", { max: 250, skipComments: true, skipBlankLines: true }],
    },
  },
  // The catalogue of texts is one file, so that a translation is one.
  { files: ["src/texts/*.ts"], rules: { "max-lines": "off" } },
);
