// Which pictures of a grid are selected: by a press on a card, by dragging over cards and by keys. A "picked" event on
// the document says that it has changed.
//
// A mouse or a pen drags while one selects; a finger scrolls. s begins to select; then arrows lead from box to box, and
// Shift with them, with Space or with a press stretches the range.

import { lettersAreKeys } from "./shortcuts.js";

const [EDGE, STEP] = [100, 14]; // pixels from an edge of the window where dragging scrolls, and by how much a frame

export const boxes = () => [...document.querySelectorAll(".pick input")];
export const selected = () => boxes().filter((box) => box.checked);
export const isSelecting = () => document.querySelector("[data-selecting]")?.checked || selected().length > 0;

let range = null; // {from, to, value, before}: what was selected before it began
let drag = null; // {box, x, y, isOn}
let hasDragged = false;

const boxOf = (element) => element?.closest(".card")?.querySelector(".pick input");
// A card without a link has nothing else to be pressed for.
const picks = (target, box) => target.closest(".pick") || isSelecting() || !box.closest(".card").querySelector("a");
const isTool = (target) => target.closest("button, form, .score, .more");

export function forget() {
  range = null;
}

function begin(box, value) {
  range = { from: box, value, before: new Set(selected()) };
  stretch(box);
}

function stretch(box) {
  range.to = box;
  const all = boxes();
  const [first, last] = [all.indexOf(range.from), all.indexOf(box)].sort((a, b) => a - b);
  all.forEach((each, at) => {
    each.checked = first <= at && at <= last ? range.value : range.before.has(each);
  });
  document.dispatchEvent(new Event("picked"));
}

const stretchOrBegin = (box, value) => (range?.from.isConnected ? stretch(box) : begin(box, value));

document.addEventListener("click", (event) => {
  const box = boxOf(event.target);
  if (!box || event.ctrlKey || event.metaKey || isTool(event.target) || !picks(event.target, box)) return;
  if (!event.target.closest(".pick")) event.preventDefault(); // not to the picture's page, where it has one
  else if (event.target !== box) return; // its label: the box gets a click of its own
  const value = event.target === box ? box.checked : !box.checked;
  event.shiftKey ? stretchOrBegin(box, value) : begin(box, value);
});

document.addEventListener("pointerdown", (event) => {
  drop();
  hasDragged = false;
  const box = boxOf(event.target);
  if (!box || event.pointerType === "touch" || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (isTool(event.target) || !picks(event.target, box)) return;
  drag = { box, x: event.clientX, y: event.clientY, isOn: false };
});

document.addEventListener("pointermove", (event) => {
  if (!drag) return;
  if (!event.buttons) return drop(); // let go of outside the window
  [drag.x, drag.y] = [event.clientX, event.clientY];
  if (!drag.isOn && (boxBelow() ?? drag.box) !== drag.box) take();
  if (drag.isOn) reach();
});

for (const type of ["pointerup", "pointercancel"]) document.addEventListener(type, drop);
document.addEventListener("dragstart", (event) => drag && event.target.closest(".card") && event.preventDefault());

// The press that ends a drag is none on the card below it.
addEventListener("click", (event) => {
  if (!hasDragged || !event.detail) return;
  hasDragged = false;
  event.preventDefault();
  event.stopPropagation();
}, true);

function take() {
  drag.isOn = hasDragged = true;
  begin(drag.box, !drag.box.checked);
  requestAnimationFrame(scrollOn);
}

function drop() {
  drag = null;
}

const boxBelow = () => boxOf(document.elementFromPoint(drag.x, drag.y));

function reach() {
  const box = boxBelow();
  if (box && box !== range.to) stretch(box);
}

function scrollOn() {
  if (!drag?.isOn) return;
  const step = drag.y < EDGE ? -STEP : drag.y > innerHeight - EDGE ? STEP : 0;
  if (step) {
    scrollBy({ top: step, behavior: "instant" });
    reach();
  }
  requestAnimationFrame(scrollOn);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.matches(".pick input")) onBox(event);
  const isTyping = event.target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]");
  const selecting = document.querySelector("[data-selecting]");
  if (event.key.toLowerCase() !== "s" || event.shiftKey || isTyping || !selecting || !lettersAreKeys()) return;
  event.preventDefault();
  selecting.checked = true;
  (boxOf(document.activeElement) ?? boxes().find(isInSight) ?? selecting).focus();
});

const isInSight = (box) => box.closest(".card").getBoundingClientRect().top >= 0;

function onBox(event) {
  const box = event.target;
  if (event.key === " " && event.shiftKey) {
    event.preventDefault();
    stretchOrBegin(box, !box.checked);
  }
  const next = beside(box, event.key);
  if (!next) return;
  event.preventDefault();
  if (event.shiftKey) {
    if (range?.to !== box) begin(box, true);
    stretch(next);
  }
  next.focus();
}

document.addEventListener("keyup", (event) => {
  if (event.key === " " && event.shiftKey && event.target.matches(".pick input")) event.preventDefault();
});

// The box to which an arrow leads: along the rows, or to the nearest card of the next row.
function beside(box, key) {
  const all = boxes();
  const along = { ArrowLeft: -1, ArrowRight: 1 }[key];
  if (along) return all[all.indexOf(box) + along];
  const down = { ArrowUp: -1, ArrowDown: 1 }[key];
  if (!down) return null;
  const place = (each) => each.closest(".card").getBoundingClientRect();
  const here = place(box);
  const middle = (rectangle) => rectangle.left + rectangle.width / 2;
  const far = ([, there]) => [(there.top - here.top) * down, Math.abs(middle(there) - middle(here))];
  const beyond = all.map((each) => [each, place(each)]).filter((each) => far(each)[0] > 1);
  beyond.sort((a, b) => far(a)[0] - far(b)[0] || far(a)[1] - far(b)[1]);
  return beyond[0]?.[0];
}
