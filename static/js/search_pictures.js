// Searches by a picture as soon as it is chosen, dropped or pasted. The server keeps nothing of it: while its results
// are shown, it is sent along again from the page with every further step, so that words can be added to it.

import { enhance, onDropOrPaste } from "./files.js";
import { gettext } from "./words.js";

const words = document.querySelector("[data-search]");
const sender = document.querySelector("#by-picture");
const input = words.querySelector("input[type=file]");
const status = words.querySelector("[data-picture-status]");
const sent = document.querySelector("[data-sent]");

function put(file) {
  const one = new DataTransfer();
  one.items.add(file);
  input.files = one.files;
}

function asFile(link) {
  const bytes = Uint8Array.from(atob(link.querySelector("img").src.split(",")[1]), (char) => char.charCodeAt(0));
  return new File([bytes], link.dataset.sent, { type: "image/webp" });
}

/** With a new picture, what the box says at this moment counts. */
function look(text = words.elements.q.value) {
  if (!input.files.length) return;
  sender.elements.q.value = text;
  sender.elements.show.value = words.elements.show.value;
  status.textContent = gettext("Looking at {name}…", { name: input.files[0].name });
  sender.requestSubmit();
}

enhance(words);
input.addEventListener("change", () => look());
onDropOrPaste(words.querySelector(".search-box"), (files) => {
  if (!files.length) return;
  put(files[0]);
  look();
});

if (sent) {
  put(asFile(sent));
  for (const element of document.querySelectorAll("[data-needs-js]")) element.hidden = false;
  words.addEventListener("submit", (event) => {
    event.preventDefault();
    look();
  });
  // Parts to take away, hints to take, pictures to add: all but the picture itself, which is left out by its link.
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".chip:not([data-sent]), .hints a, .more-like");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    sender.elements.like.value = ""; // the link's text has them
    look(new URL(link.href).searchParams.get("q"));
  });
}

// Back from the results: nothing is being looked at.
window.addEventListener("pageshow", () => {
  status.textContent = "";
});
