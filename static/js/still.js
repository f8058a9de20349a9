// Animations can be held still, and are from the beginning for whoever wants little motion. One that is held lies hidden
// under its first frame, drawn. Used by the picture's own page and by the lightbox.

export const stillness = matchMedia("(prefers-reduced-motion: reduce)");

export const isHeld = (stage) => Boolean(stage.querySelector("canvas[data-frame]"));

/** Holds what moves on a stage, by its first frame or that of another copy of it; gives what is drawn. */
export function hold(stage, button, copy = stage.querySelector("img")) {
  const picture = stage.querySelector("img");
  const frame = document.createElement("canvas");
  [frame.width, frame.height] = [copy.naturalWidth, copy.naturalHeight];
  frame.getContext("2d").drawImage(copy, 0, 0);
  frame.setAttribute("role", "img");
  frame.setAttribute("aria-label", picture.alt);
  frame.lang = picture.lang;
  frame.dataset.frame = "";
  picture.dataset.held = "";
  (picture.closest("picture") ?? picture).after(frame);
  button.setAttribute("aria-pressed", "true");
  return frame;
}

/** Lets it go on; gives the picture. */
export function go(stage, button) {
  stage.querySelector("canvas[data-frame]").remove();
  const picture = stage.querySelector("img");
  delete picture.dataset.held;
  button.setAttribute("aria-pressed", "false");
  return picture;
}
