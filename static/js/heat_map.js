// Draws where in a picture something is: what lies elsewhere is veiled, in the colour that pictures.css gives the canvas.

import { gettext } from "./words.js";

const STRENGTH = 0.82; // of the veil where nothing is

document.documentElement.classList.add("can-look"); // shows the buttons

/** Draws a grid of values from 0 to 1, in reading order, on a canvas of the size [width, height] in pixels. */
export function draw(canvas, { rows, columns, values }, [width, height]) {
  const cells = document.createElement("canvas");
  cells.width = columns;
  cells.height = rows;
  const pen = cells.getContext("2d");
  pen.fillStyle = getComputedStyle(canvas).color;
  values.forEach((value, cell) => {
    pen.globalAlpha = STRENGTH * (1 - value ** 2); // squared, or half of the picture would look lit
    pen.fillRect(cell % columns, Math.floor(cell / columns), 1, 1);
  });
  canvas.width = width;
  canvas.height = height;
  const brush = canvas.getContext("2d");
  brush.imageSmoothingQuality = "high";
  brush.drawImage(cells, 0, 0, width, height);
}

/** What an address of the site says; where it says no, an error with its sentence. */
export async function ask(address) {
  const response = await fetch(address, { credentials: "same-origin", headers: { Accept: "application/json" } });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message);
  return answer;
}

/** Lets a button, with aria-pressed, do `on` (which may take a while, or fail) or `off`; says in `status` what came of it. */
export async function toggle(button, status, on, off) {
  if (button.disabled) return;
  const isShown = button.getAttribute("aria-pressed") === "true";
  status.textContent = "";
  button.disabled = true;
  try {
    if (isShown) off();
    else status.textContent = await on();
    button.setAttribute("aria-pressed", !isShown);
  } catch (error) {
    status.textContent = gettext("Not available: {reason}", { reason: error.message });
  }
  button.disabled = false;
  button.focus({ preventScroll: true }); // lost while it was disabled
}
