// Animated pictures in a grid move while one points at them or has the focus on them, unless one wants little motion.

const stillness = matchMedia("(prefers-reduced-motion: reduce)");

function play(event) {
  const link = event.target.closest?.("a[data-animated]");
  const picture = link?.querySelector("img");
  if (!picture || stillness.matches || picture.dataset.still || link.contains(event.relatedTarget)) return;
  picture.dataset.still = picture.src;
  picture.src = link.dataset.preview;
}

function stop(event) {
  const link = event.target.closest?.("a[data-animated]");
  const picture = link?.querySelector("img[data-still]");
  if (!picture || link.contains(event.relatedTarget) || link.matches(":focus-visible")) return;
  picture.src = picture.dataset.still;
  delete picture.dataset.still;
}

for (const [begin, end] of [["pointerover", "pointerout"], ["focusin", "focusout"]]) {
  document.addEventListener(begin, play);
  document.addEventListener(end, stop);
}
