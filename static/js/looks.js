// On a picture's page: where the captioner looked for each word of the caption, and where the picture is like what was
// searched for. The words can be pointed at, or reached by keys, once it is known where they are.

import { ask, draw, toggle } from "./heat_map.js";
import { lay, onMoved } from "./over_picture.js";
import { gettext } from "./words.js";

const viewer = document.querySelector(".viewer");
const layer = document.createElement("canvas");
const mapOf = new WeakMap(); // word -> where it is
let found = null; // where the picture is like what was searched for
let shown = null;

function show() {
  const word = viewer.querySelector(".word:hover") ?? viewer.querySelector(".word:focus");
  shown = word ? mapOf.get(word) : found;
  place();
}

function place() {
  layer.hidden = !shown;
  const size = lay(layer);
  if (size) draw(layer, shown, size.map(Math.round));
}

/** Makes an element of each word, one after the other, of the sentence at the end of the heading. */
function wrap(heading, { rows, columns, words }) {
  let rest = heading.lastChild;
  for (const { word, values } of words) {
    const at = rest.data.toLowerCase().indexOf(word);
    if (at < 0) continue;
    const text = rest.splitText(at);
    rest = text.splitText(word.length);
    const element = document.createElement("span");
    element.className = "word";
    element.tabIndex = 0;
    mapOf.set(element, { rows, columns, values });
    text.replaceWith(element);
    element.append(text);
  }
}

function unwrap(heading) {
  for (const word of heading.querySelectorAll(".word")) word.replaceWith(...word.childNodes);
  heading.normalize();
  show();
}

viewer.addEventListener("click", (event) => {
  const button = event.target.closest("[data-looks], [data-where]");
  if (!button) return;
  const status = button.parentElement.querySelector("[role=status]");
  if (button.dataset.looks) {
    const heading = viewer.querySelector("h1");
    const on = async () => {
      wrap(heading, await ask(button.dataset.looks));
      return gettext("Point at a word, tap it, or go to it with Tab.");
    };
    toggle(button, status, on, () => unwrap(heading));
  } else {
    const on = async () => {
      found = await ask(button.dataset.where);
      show();
      return gettext("Shown: where it is like “{text}”", { text: found.text });
    };
    const off = () => {
      found = null;
      show();
    };
    toggle(button, status, on, off);
  }
});

layer.className = "heat";
layer.hidden = true;
viewer.append(layer);
for (const moved of ["pointerover", "pointerout", "focusin", "focusout"]) {
  viewer.addEventListener(moved, () => requestAnimationFrame(show));
}
onMoved(place);
