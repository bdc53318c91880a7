// Convenience only: everything on the page works without this file.
"use strict";
const form = document.getElementById("query-form");
const text = document.getElementById("query");
const keys = document.querySelector(".keys");
if (keys) keys.hidden = false;

text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form.requestSubmit();
  }
});

// A syntax error names line and column: put the cursor there.
if (text.dataset.line) {
  const before = text.value.split("\n").slice(0, Number(text.dataset.line) - 1);
  const at = before.reduce((sum, line) => sum + line.length + 1, 0) + Number(text.dataset.column) - 1;
  text.focus();
  text.setSelectionRange(at, Math.min(at + 1, text.value.length));
}
