// The picture's own page: a double click looks at it closely, a swipe leads to the pictures beside it, and an animation
// can be held still.

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
