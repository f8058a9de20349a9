// Choose a part of the picture and search by it: drag a box over the picture (mouse, pen or finger), take it by its
// corners, or use the arrow keys. The numbers that go to the server are shares of the picture, not pixels.

import { lay, onMoved, picture } from "./over_picture.js";
import { gettext } from "./words.js";

const SMALLEST = 0.05; // of the picture's width and height
const STEP = 0.02; // of an arrow key
const GRIP = 24; // pixels around a corner that take it
const CORNERS = [[0, 0], [1, 0], [0, 1], [1, 1]];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const opener = document.querySelector("[data-region-open]");
const layer = document.querySelector("[data-region]");
const frame = layer.querySelector("[data-region-box]");
const bar = layer.querySelector("form");
const status = layer.querySelector("[data-region-status]");

let part = { left: 0.25, top: 0.25, width: 0.5, height: 0.5 };
let drag = null;

const clamp = (number, low, high) => Math.min(Math.max(number, low), high);
const percent = (share) => `${Math.round(share * 100)}%`;

function place() {
  const size = lay(layer);
  if (!size) return;
  frame.style.left = percentExactly(part.left);
  frame.style.top = percentExactly(part.top);
  frame.style.width = percentExactly(part.width);
  frame.style.height = percentExactly(part.height);
  placeBar(...size);
}

function percentExactly(share) {
  return `${share * 100}%`;
}

/** Under the box; inside it, where there is no room. */
function placeBar(width, height) {
  const bottom = (part.top + part.height) * height;
  const below = bottom + 8 + bar.offsetHeight <= height;
  bar.style.top = `${below ? bottom + 8 : Math.max(0, bottom - bar.offsetHeight - 8)}px`;
  const middle = (part.left + part.width / 2) * width - bar.offsetWidth / 2;
  bar.style.left = `${clamp(middle, Math.min(0, width - bar.offsetWidth), Math.max(0, width - bar.offsetWidth))}px`;
}

function say() {
  const shares = Object.fromEntries(["width", "height", "left", "top"].map((name) => [name, percent(part[name])]));
  status.textContent = gettext("{width} wide, {height} high, {left} from the left, {top} from the top", shares);
}

function open() {
  layer.hidden = false;
  place();
  picture().scrollIntoView({ block: "nearest" });
  frame.focus({ preventScroll: true });
  say();
}

function close() {
  layer.hidden = true;
  opener.focus();
}

/** A box between two points, each [x, y] in shares of the picture. */
function between([x1, y1], [x2, y2]) {
  const [left, right] = x1 < x2 ? [x1, x2] : [x2, x1];
  const [top, bottom] = y1 < y2 ? [y1, y2] : [y2, y1];
  const width = Math.max(right - left, SMALLEST);
  const height = Math.max(bottom - top, SMALLEST);
  return { left: clamp(left, 0, 1 - width), top: clamp(top, 0, 1 - height), width, height };
}

function moved(start, dx, dy) {
  return { ...start, left: clamp(start.left + dx, 0, 1 - start.width), top: clamp(start.top + dy, 0, 1 - start.height) };
}

function point(event) {
  const area = layer.getBoundingClientRect();
  return [clamp((event.clientX - area.left) / area.width, 0, 1), clamp((event.clientY - area.top) / area.height, 0, 1)];
}

/** The corner that stays where it is, when the opposite one is under the pointer; null where none is. */
function anchor(event) {
  const box = frame.getBoundingClientRect();
  const taken = CORNERS.find(([x, y]) =>
    Math.hypot(event.clientX - (box.left + x * box.width), event.clientY - (box.top + y * box.height)) <= GRIP);
  return taken && [part.left + (1 - taken[0]) * part.width, part.top + (1 - taken[1]) * part.height];
}

layer.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || event.target.closest("form")) return;
  event.preventDefault();
  const at = point(event);
  const fixed = anchor(event);
  drag = { at, before: part, fixed: fixed || at, moves: !fixed && event.target === frame };
  layer.setPointerCapture(event.pointerId);
  layer.classList.add("dragging");
  frame.focus({ preventScroll: true });
});

layer.addEventListener("pointermove", (event) => {
  if (!drag) return;
  const [x, y] = point(event);
  part = drag.moves ? moved(drag.before, x - drag.at[0], y - drag.at[1]) : between(drag.fixed, [x, y]);
  place();
});

for (const end of ["pointerup", "pointercancel"]) {
  layer.addEventListener(end, (event) => {
    if (!drag) return;
    // A tap is no box.
    const [x, y] = point(event);
    if (end === "pointercancel" || Math.hypot(x - drag.at[0], y - drag.at[1]) < 0.01) part = drag.before;
    drag = null;
    layer.classList.remove("dragging");
    place();
    say();
  });
}

layer.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const arrow = ARROWS[event.key];
  if (event.key === "Escape") {
    close();
  } else if (event.key === "Enter" && event.target === frame) {
    bar.requestSubmit();
  } else if (arrow && event.shiftKey) {
    const width = clamp(part.width + arrow[0] * STEP, SMALLEST, 1 - part.left);
    const height = clamp(part.height + arrow[1] * STEP, SMALLEST, 1 - part.top);
    part = { ...part, width, height };
  } else if (arrow) {
    part = moved(part, arrow[0] * STEP, arrow[1] * STEP);
  } else {
    return;
  }
  event.preventDefault(); // or the keys would lead to the next picture
  if (arrow) {
    place();
    say();
  }
});

bar.addEventListener("submit", () => {
  bar.elements.box.value = [part.left, part.top, part.width, part.height].map((share) => share.toFixed(4)).join(",");
});
layer.querySelector("[data-region-close]").addEventListener("click", close);
opener.addEventListener("click", () => (layer.hidden ? open() : close()));
onMoved(() => {
  opener.hidden = !picture(); // the preview may be made while somebody looks
  place();
});
opener.hidden = !picture();
