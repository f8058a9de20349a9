// z or Ctrl+Z presses the Undo button that came last, where one is on the page.

import { lettersAreKeys } from "./shortcuts.js";

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "z" || event.altKey || event.shiftKey) return;
  if (event.repeat || event.defaultPrevented) return;
  if (!event.ctrlKey && !event.metaKey && !lettersAreKeys()) return;
  if (event.target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]")) return;
  const button = [...document.querySelectorAll("[data-undo] button")].at(-1);
  if (!button?.checkVisibility()) return;
  event.preventDefault();
  button.click();
});
