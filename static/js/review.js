// Checking captions by keyboard: every button says its key in data-key. Enter approves from within the text, too; Esc
// leaves the text, as it was.

import { lettersAreKeys } from "./shortcuts.js";

const text = document.querySelector("[data-review] textarea");
let isSent = false; // a key that is pressed twice judges once

document.addEventListener("keydown", (event) => {
  if (isSent || event.defaultPrevented || event.repeat || event.isComposing) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === text) {
    if (event.key === "Escape") {
      text.value = text.defaultValue;
      text.blur();
    }
    if (event.key !== "Enter") return;
  } else if (event.target.closest("input, summary, details[open]")) {
    return;
  } else if (event.key === "Enter" && event.target.closest("a, button")) {
    return; // theirs
  }
  if (event.key.length === 1 && !lettersAreKeys()) return;
  const button = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!button) return;
  event.preventDefault();
  button.click();
});

document.addEventListener("submit", () => {
  isSent = true;
});

window.addEventListener("pageshow", () => {
  isSent = false; // come back to by the browser's own key
});
