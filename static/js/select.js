// What is done with the selected pictures: a count, and deeds that leave the page as it is. Which they are is said in
// picking.js. Without this module the checkboxes and buttons do the same with a page load.

import { offerUndo, post, say } from "./deeds.js";
import { forget, isSelecting, selected } from "./picking.js";
import { ngettext } from "./words.js";

const form = document.querySelector("[data-selection]");
const count = document.querySelector("[data-selection-count]");
const status = document.querySelector("[data-selection-status]");

document.addEventListener("picked", tell);

document.addEventListener("keydown", (event) => {
  const panel = event.target.closest(".selection-panel");
  if (event.key === "Enter" && event.target.matches(".selection-panel input")) {
    event.preventDefault(); // the form's first button is not the one beside this field
    panel.querySelector("button").click();
  } else if (event.key === "Escape" && (panel || isSelecting())) {
    if (!panel) return form.reset();
    panel.closest("details").open = false;
    panel.previousElementSibling.focus();
  }
});

form.addEventListener("reset", () => setTimeout(clear));

form.addEventListener("submit", async (event) => {
  const button = event.submitter;
  if (!button || "asks" in button.dataset || button.dataset.failed) return;
  event.preventDefault();
  try {
    await send(button);
  } catch {
    button.dataset.failed = "yes"; // offline, or an error of the server: as without JavaScript, so that people see it
    form.requestSubmit(button);
  }
});

async function send(button) {
  const answer = await post(form.action, new FormData(form, button));
  const { message, undo, next, left_out: leftOut = [], isDone } = answer;
  if (next) {
    location.assign(next);
    return;
  }
  const done = selected().filter((box) => !leftOut.includes(box.value));
  const places = isDone && "removes" in button.dataset ? takeAway(done) : [];
  if (isDone) form.reset();
  isOffered = false; // there may be another tag or album by now
  say(status, message, isDone);
  if (undo) offerUndo(status, undo, () => putBack(places));
}

// Where the cards of these boxes were, the last one first: each before the next that was there.
function takeAway(gone) {
  const places = [];
  for (const box of gone) {
    const card = box.closest(".card");
    box.checked = false;
    places.unshift({ card, grid: card.parentElement, next: card.nextElementSibling });
    card.remove();
  }
  return places;
}

function putBack(places) {
  for (const { card, grid, next } of places) grid.insertBefore(card, next?.isConnected ? next : null);
}

function clear() {
  forget();
  for (const each of form.querySelectorAll("details")) each.open = false;
  tell();
}

function tell() {
  const number = selected().length;
  count.textContent = number ? ngettext("{number} selected", "{number} selected", number) : "";
  if (number) status.textContent = "";
}

// One panel at a time.
for (const each of form.querySelectorAll("details")) {
  each.addEventListener("toggle", () => {
    if (!each.open) return;
    for (const other of form.querySelectorAll("details")) if (other !== each) other.open = false;
    if (each.querySelector("[data-choices]")) offer();
  });
}

// Which tags and albums there are is asked for once somebody wants to know.
let isOffered = false;

async function offer() {
  if (isOffered) return;
  isOffered = true;
  try {
    const response = await fetch(form.action, { credentials: "same-origin" });
    if (!response.ok || response.redirected) throw new Error(`${form.action} answered ${response.status}`);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const part of form.querySelectorAll("[data-choices]")) {
      if (!isInUse(part)) part.replaceWith(page.getElementById(part.id));
    }
  } catch {
    isOffered = false; // offline or signed out: a new name can be typed all the same
  }
}

// Whoever was quick has chosen already, of what was offered before.
const isInUse = (part) => part.contains(document.activeElement) || part.querySelector("select")?.value;

for (const note of form.querySelectorAll("[data-no-js]")) note.hidden = true;
tell();
