// The picture's own page: a double click looks at it closely, a swipe leads to the pictures beside it, and an animation
// can be held still.

import { go, hold, isHeld, stillness } from "./still.js";

const SWIPE = 60; // pixels
const stage = document.querySelector(".stage");
const closely = () => stage.querySelector("a[data-preview]");
let from = null;

stage.addEventListener("dblclick", (event) => {
  if (!event.target.closest("a, button, text")) closely()?.click();
});

stage.addEventListener("touchstart", (event) => {
  const isOne = event.touches.length === 1 && !event.target.closest("a, button, text");
  from = isOne ? [event.touches[0].clientX, event.touches[0].clientY] : null;
}, { passive: true });

stage.addEventListener("touchend", (event) => {
  if (!from || visualViewport.scale > 1.01) return;
  const [dx, dy] = [event.changedTouches[0].clientX - from[0], event.changedTouches[0].clientY - from[1]];
  from = null;
  if (Math.abs(dx) < SWIPE || Math.abs(dx) < 2 * Math.abs(dy)) return;
  document.querySelector(`.neighbours a[rel=${dx < 0 ? "next" : "prev"}]`)?.click();
}, { passive: true });

// The picture is another one once the work on it is done: see live.js.
let known = null;
let isWantedStill = stillness.matches;

function meet() {
  const [picture, button] = [stage.querySelector("img"), stage.querySelector("[data-do=still]")];
  if (!button || picture === known) return;
  known = picture;
  button.hidden = false;
  if (isWantedStill) holdFromTheBeginning(picture, button);
  else if (stillness.matches) letMove();
}

// It was let go on: what the page has for whoever wants little motion is not for them any more.
function letMove() {
  stage.querySelector("picture > source")?.remove();
}

// Without this script, the page shows a thumbnail to whoever wants little motion.
function holdFromTheBeginning(picture, button) {
  const copy = new Image();
  copy.src = picture.getAttribute("src");
  copy.decode().then(() => {
    if (!picture.isConnected || !isWantedStill || isHeld(stage)) return;
    hold(stage, button, copy);
  }, () => {});
}

stage.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do=still]");
  if (!button) return;
  isWantedStill = !isHeld(stage);
  if (isWantedStill) return hold(stage, button);
  letMove();
  go(stage, button);
});

new MutationObserver(meet).observe(stage, { childList: true });
meet();
