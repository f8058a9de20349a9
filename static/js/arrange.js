// Puts the pictures of an album in order by dragging. The arrows beneath each do the same step by step, for keyboards and
// fingers, without this module too.

import { gettext } from "./words.js";

const list = document.querySelector("[data-arrange]");
const status = document.querySelector("[data-arrange-status]");
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
  const item = itemAt(event);
  if (!item || item === dragged) return;
  event.preventDefault();
  const form = dragged.querySelector("form");
  const said = new FormData(form);
  said.set("do", "place");
  said.set("other", item.id);
  const isLater = dragged.compareDocumentPosition(item) & Node.DOCUMENT_POSITION_FOLLOWING;
  item[isLater ? "after" : "before"](dragged);
  const response = await send(said);
  if (response?.ok && new URL(response.url).pathname === location.pathname) status.textContent = gettext("Moved.");
  else location.reload(); // to what the album is, or to signing in
});

// The button that was pressed keeps the focus on the page that comes, so that a picture can go on being moved.
const PRESSED = "arrange-pressed";

list.addEventListener("submit", (event) => sessionStorage.setItem(PRESSED, event.submitter?.value ?? ""));
addEventListener("load", () => {
  const [pressed, item] = [sessionStorage.getItem(PRESSED), document.getElementById(location.hash.slice(1))];
  sessionStorage.removeItem(PRESSED);
  if (pressed) item?.querySelector(`button[value="${CSS.escape(pressed)}"]`)?.focus();
});

// Nothing where the network fails.
function send(said) {
  return fetch(location.href, { method: "POST", body: said, credentials: "same-origin" }).catch(() => null);
}

function mark(item) {
  for (const each of list.children) each.classList.toggle("target", each === item && each !== dragged);
}
