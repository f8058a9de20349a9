// Describes a picture as soon as it is chosen, dropped or pasted.

import { enhance, onDropOrPaste } from "./files.js";
import { gettext } from "./words.js";

const form = document.querySelector("[data-describe]");
const input = form.querySelector("input[type=file]");
const status = form.querySelector("[data-describe-status]");

function describe() {
  if (!input.files.length) return;
  status.textContent = gettext("Looking at {name}…", { name: input.files[0].name });
  form.requestSubmit();
}

enhance(form);
input.addEventListener("change", describe);
onDropOrPaste(form.querySelector("[data-drop]"), (files) => {
  if (!files.length) return;
  const one = new DataTransfer();
  one.items.add(files[0]);
  input.files = one.files;
  describe();
});
// Back from the result: the choice is stale.
window.addEventListener("pageshow", () => {
  status.textContent = "";
});
