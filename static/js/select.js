// What is done with the selected pictures: a count, and deeds that leave the page as it is. Which they are is said in
// picking.js. Without this module the checkboxes and buttons do the same with a page load.

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
  const isNewAlbum = ["album", "share"].includes(button?.value) && !form.elements.album?.value; // which the next page then offers
  if (!button || "asks" in button.dataset || isNewAlbum || button.dataset.failed) return;
  event.preventDefault();
  try {
    await send(button);
  } catch {
    button.dataset.failed = "yes"; // offline, or an error of the server: as without JavaScript, so that people see it
    form.requestSubmit(button);
  }
});

async function send(button) {
  const { message, undo, next, isDone } = await post(form.action, new FormData(form, button));
  if (next) {
    location.assign(next);
    return;
  }
  const places = isDone && "removes" in button.dataset ? takeAway(selected()) : [];
  if (isDone) form.reset();
  say(message, isDone);
  if (undo) offerUndo(undo, places);
}

async function post(address, body) {
  const headers = { Accept: "application/json" };
  const response = await fetch(address, { method: "POST", body, credentials: "same-origin", headers });
  return { ...(await response.json()), isDone: response.ok };
}

function say(message, isGood) {
  status.textContent = message;
  status.classList.toggle("wrong", !isGood);
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

function offerUndo(address, places) {
  const button = document.querySelector("[data-undo-template]").content.firstElementChild.cloneNode(true);
  button.action = address;
  button.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const { message, isDone } = await post(address, new FormData(button));
      if (isDone) for (const { card, grid, next } of places) grid.insertBefore(card, next?.isConnected ? next : null);
      say(message, isDone);
    } catch {
      button.submit(); // as without a script, so that people see what is wrong
    }
  });
  status.append(" ", button);
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
    if (each.open) for (const other of form.querySelectorAll("details")) if (other !== each) other.open = false;
  });
}
