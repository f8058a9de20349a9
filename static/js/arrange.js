// Puts the pictures of an album in order by dragging, and does what the buttons beneath each do without leaving the page.
// Without this module they do the same with a page load.

import { offerUndo, post, say } from "./deeds.js";

const list = document.querySelector("[data-arrange]");
const status = document.querySelector("[data-arrange-status]");
// After these the keyboard is at the picture that comes next; after the others it stays with the one that was moved.
const LEAVING = ["first", "last", "out"];
let dragged = null;

for (const note of document.querySelectorAll("[data-needs-js]")) note.hidden = matchMedia("(hover: none)").matches;
for (const item of list.children) item.draggable = true;

const itemAt = (event) => (dragged ? event.target.closest("[data-arrange] > li") : null);

list.addEventListener("dragstart", (event) => {
  dragged = event.target.closest("[data-arrange] > li");
  event.dataTransfer.effectAllowed = "move";
});

list.addEventListener("dragend", () => {
  dragged = null;
  mark(null);
});

list.addEventListener("dragover", (event) => {
  const item = itemAt(event);
  if (!item) return;
  event.preventDefault(); // it may be dropped here
  mark(item);
});

list.addEventListener("drop", async (event) => {
  const [item, other] = [dragged, itemAt(event)];
  if (!other || other === item) return;
  event.preventDefault();
  const said = new FormData(item.querySelector("form"));
  said.set("do", "place");
  said.set("other", other.id);
  try {
    await send(said, item, other);
  } catch {
    location.reload(); // to what the album is, or to signing in
  }
});

list.addEventListener("submit", async (event) => {
  const button = event.submitter;
  if (button.dataset.failed) return;
  event.preventDefault();
  const item = button.closest("li");
  const near = item.nextElementSibling ?? item.previousElementSibling;
  try {
    const isDone = await send(new FormData(event.target, button), item);
    const isLeft = isDone && LEAVING.includes(button.value);
    focus(isLeft || !item.isConnected ? near : item, button.value);
  } catch {
    button.dataset.failed = "yes"; // offline, or an error of the server: as without a script, so that people see it
    event.target.requestSubmit(button);
  }
});

// Whether anything changed.
async function send(said, item, other) {
  const { message, undo, isDone } = await post(location.href, said);
  const [items, cover] = [[...list.children], list.querySelector(".cover")];
  if (undo) show[said.get("do")](item, other);
  say(status, message, isDone);
  if (undo) offerUndo(status, undo, () => showAgain(items, cover, item));
  return Boolean(undo);
}

// What a deed leaves to be seen. What goes past the ends of this page is on another one.
const show = {
  first: (item) => ("isFirst" in list.dataset ? list.prepend(item) : item.remove()),
  last: (item) => ("isLast" in list.dataset ? list.append(item) : item.remove()),
  earlier: (item) => swap(item, item.previousElementSibling, "before"),
  later: (item) => swap(item, item.nextElementSibling, "after"),
  place: (item, other) => other[isBehind(item, other) ? "after" : "before"](item),
  cover: setCover,
  out: (item) => item.remove(),
};

const isBehind = (item, other) => item.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING;

function swap(item, other, side) {
  if (other) other[side](item);
  else item.remove();
}

function setCover(item) {
  for (const each of list.children) each.classList.toggle("cover", each === item);
}

function showAgain(items, cover, item) {
  const focused = document.activeElement;
  list.replaceChildren(...items);
  setCover(cover);
  if (list.contains(focused)) focused.focus();
  else focus(item);
}

// The button of a picture with this value, else its first one.
function focus(item, value) {
  const button = item?.isConnected ? item.querySelector(`button[value="${value}"]`) : null;
  (button?.checkVisibility() ? button : item?.querySelector("button"))?.focus();
}

function mark(item) {
  for (const each of list.children) each.classList.toggle("target", each === item && each !== dragged);
}
