// "Where?" on what a search found: lays over the picture where it is like the words.

import { ask, draw, toggle } from "./heat_map.js";
import { gettext } from "./words.js";

const status = document.querySelector("[data-where-status]");

async function show(button) {
  const heat = await ask(button.dataset.where);
  const image = button.closest(".card").querySelector("a > img");
  await image.decode().catch(() => {}); // its size is known when it has come
  const canvas = document.createElement("canvas");
  canvas.className = "heat";
  image.after(canvas);
  draw(canvas, heat, [image.naturalWidth, image.naturalHeight]);
  return gettext("Shown: where it is like “{text}”", { text: heat.text });
}

function hide(button) {
  button.closest(".card").querySelector(".heat")?.remove();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-where]");
  if (button) toggle(button, status, () => show(button), () => hide(button));
});
