// Layers over the picture of a page: exactly where it is shown, without the bands beside it, at every size.

const stage = document.querySelector(".stage");

/** The picture as it is now; it may be renewed while somebody looks. Null until there is one. */
export function picture() {
  return stage.querySelector("img");
}

/** Lays a layer over the picture, as long as it isn't hidden: its size, [width, height] in pixels; null without. */
export function lay(layer) {
  const image = picture();
  if (!image || layer.hidden) return null;
  const shown = image.getBoundingClientRect();
  const around = layer.offsetParent.getBoundingClientRect();
  const ratio = image.width && image.naturalWidth ? image.naturalWidth / image.naturalHeight : shown.width / shown.height;
  const width = Math.min(shown.width, shown.height * ratio);
  const height = width / ratio;
  layer.style.left = `${shown.left - around.left + (shown.width - width) / 2}px`;
  layer.style.top = `${shown.top - around.top + (shown.height - height) / 2}px`;
  layer.style.width = `${width}px`;
  layer.style.height = `${height}px`;
  return [width, height];
}

/** Calls back whenever the picture may lie elsewhere, or be another one. */
export function onMoved(callback) {
  new ResizeObserver(callback).observe(stage);
  window.addEventListener("resize", callback);
  window.addEventListener("scroll", callback, { passive: true }); // beside a long column the picture stays in sight
  new MutationObserver(callback).observe(stage, { childList: true });
}
