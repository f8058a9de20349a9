// A picture over the page that it was pressed on: [data-preview] links of a grid, or the one of a picture's own page.
// Without this module the links lead to the pictures' pages, which is also where the address leads meanwhile.

import { lettersAreKeys } from "./shortcuts.js";
import { go, hold, isHeld, stillness } from "./still.js";
import { Zoom } from "./zoom.js";

const SECONDS = 5;
const [TRIES, AGAIN_SECONDS] = [5, 3];
const MOST = 8; // times the size at which it fits, where it has no more pixels than that

const dialog = document.querySelector("[data-lightbox]");
const part = (name) => dialog.querySelector(`[data-${name}]`);
const button = (name) => dialog.querySelector(`[data-do=${name}]`);
const links = () => [...document.querySelectorAll("a[data-preview]")];
const zoom = new Zoom(part("stage"), { onSwipe: act, onZoom: (scale) => loadLarger(scale), most: MOST });
let shown = null; // the link of the picture that is shown
let opener = null;
let timer = null;
let wanted = false; // the next page of the grid, to go on with
const addressOfPage = () => location.pathname + location.search;
const ownAddress = addressOfPage(); // of the page below the pictures

// What was open before a reload isn't: its address is that of a page of its own now, to which closing comes back.
if (history.state?.lightbox !== undefined) history.replaceState({ ...history.state, lightbox: undefined }, "");

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-preview]");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)
    return;
  event.preventDefault();
  open(link);
});

function open(link) {
  opener = link;
  appear();
  const state = { ...history.state, lightbox: link.closest("[data-image]")?.dataset.image ?? "" };
  history.pushState(state, "", link.href);
  show(link);
}

function appear() {
  dialog.showModal();
  document.documentElement.classList.add("looking");
}

function show(link) {
  shown = link;
  const thumbnail = link.querySelector("img");
  const picture = new Image(Number(link.dataset.width), Number(link.dataset.height));
  picture.alt = thumbnail?.alt ?? link.dataset.alt ?? "";
  picture.dataset.zoomed = "";
  picture.draggable = false;
  picture.addEventListener("load", () => zoom.to(zoom.scale)); // made larger before it came, when its size was 0
  picture.src = link.dataset.preview;
  part("stage").replaceChildren(picture);
  zoom.reset();
  part("caption").textContent = link.querySelector(".card-note.caption:not(.reading)")?.textContent.trim() ?? picture.alt;
  part("details").href = link.href;
  part("download").href = link.dataset.download;
  part("download").hidden = !link.dataset.download;
  const all = links();
  const at = placeOf(link, all);
  part("place").textContent = all.length > 1 ? `${at + 1} / ${all.length}${canBringMore() ? "+" : ""}` : "";
  button("previous").disabled = at <= 0;
  button("next").disabled = at === all.length - 1 && !canBringMore();
  button("play").hidden = all.length < 2;
  button("still").hidden = !("animated" in link.dataset);
  button("still").setAttribute("aria-pressed", "false");
  if ("animated" in link.dataset && stillness.matches) picture.decode().then(() => picture.isConnected && still(), () => {});
  if (at >= all.length - 3) document.dispatchEvent(new Event("pictures-wanted"));
  for (const near of [all[at + 1], all[at - 1]]) if (near) new Image().src = near.dataset.preview;
  if (timer !== null) wait(picture);
}

// By the address: a card whose picture has become ready is another element.
const placeOf = (link, all) => all.findIndex((each) => each.href === link?.href);

const canBringMore = () => Boolean(document.querySelector(".older-pictures a[rel=next]"));

function turn(step) {
  const all = links();
  const next = all[placeOf(shown, all) + step];
  if (next) {
    show(next);
    const state = { ...history.state, lightbox: next.closest("[data-image]")?.dataset.image ?? "" };
    history.replaceState(state, "", next.href);
  } else if (step > 0 && canBringMore()) {
    wanted = true;
    document.dispatchEvent(new Event("pictures-wanted"));
  } else {
    stop();
  }
}

document.addEventListener("pictures-added", () => {
  if (!dialog.open) return;
  button("next").disabled = links().at(-1)?.href === shown.href && !canBringMore();
  if (wanted) turn(1);
  wanted = false;
});

// The address goes back to the grid's, and the dialog with it: see popstate.
function close() {
  history.back();
}

function closed() {
  stop();
  if (!dialog.open) return;
  dialog.close();
  part("stage").replaceChildren();
  document.documentElement.classList.remove("looking");
  const back = links()[placeOf(shown, links())] ?? opener;
  back?.focus({ preventScroll: true });
  back?.scrollIntoView({ block: "nearest", behavior: "instant" });
  shown = null;
}

addEventListener("popstate", () => {
  if (history.state?.lightbox === undefined) return addressOfPage() === ownAddress ? closed() : location.reload(); // to another
  const again = links().find((link) => link.href === location.href);
  if (!again) location.reload(); // it isn't in the grid any more, or not yet
  else if (dialog.open) show(again);
  else {
    appear();
    show(again);
  }
});

dialog.addEventListener("cancel", (event) => {
  event.preventDefault();
  close();
});

dialog.addEventListener("click", (event) => {
  const pressed = event.target.closest("[data-do]");
  if (pressed) act(pressed.dataset.do);
});

// On the document, since Tab leads out of the dialog, to the browser's own bar, and before what the page below listens to.
document.addEventListener("keydown", onKey, true);

function onKey(event) {
  if (!dialog.open) return;
  event.stopPropagation(); // the page below has keys of its own
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const moved = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  const letter = { d: part("download"), i: part("details") }[event.key];
  if (moved && zoom.scale > 1) zoom.pan(moved[0] * 80, moved[1] * 80);
  else if (event.key === "ArrowLeft") turn(-1);
  else if (event.key === "ArrowRight") turn(1);
  else if (event.key === "+" || event.key === "=") zoom.in();
  else if (event.key === "-") zoom.out();
  else if (letter && !letter.hidden && lettersAreKeys()) letter.click();
  else if (event.key === " " && !event.target.closest("button, a")) act("play");
  else return;
  event.preventDefault();
}

function act(deed) {
  if (deed === "next") turn(1);
  if (deed === "previous") turn(-1);
  if (deed === "close") close();
  if (deed === "in") zoom.in();
  if (deed === "out") zoom.out();
  if (deed === "play") timer === null ? start() : stop();
  if (deed === "still") isHeld(part("stage")) ? moving() : still();
}

function start() {
  timer = 0;
  button("play").setAttribute("aria-pressed", "true");
  wait(part("stage").querySelector("img"));
}

function stop() {
  clearTimeout(timer);
  timer = null;
  button("play").setAttribute("aria-pressed", "false");
}

// From when the picture can be seen.
function wait(picture) {
  clearTimeout(timer);
  const begin = () => {
    if (timer !== null && shown) timer = setTimeout(() => (document.hidden ? wait(picture) : turn(1)), SECONDS * 1000);
  };
  timer = 0;
  picture.decode().then(begin, begin);
}

// What is zoomed is what one sees: the animation, or its first frame.
function still() {
  if (isHeld(part("stage"))) return;
  delete part("stage").querySelector("img").dataset.zoomed;
  hold(part("stage"), button("still")).dataset.zoomed = "";
  zoom.apply();
}

function moving() {
  go(part("stage"), button("still")).dataset.zoomed = "";
  zoom.apply();
}

// More pixels than the preview has, once they can be seen. The larger one takes the place of the same size. The server
// makes one picture at a time: where it is busy, or out of reach, it is asked a few times more, and the preview stays.
function loadLarger(scale, tries = TRIES) {
  const link = shown;
  const picture = part("stage").querySelector("img");
  const large = link?.dataset.large;
  if (!large || !picture || picture.dataset.larger || picture.offsetWidth * scale * devicePixelRatio <= picture.naturalWidth)
    return;
  picture.dataset.larger = "asked";
  const better = new Image();
  better.addEventListener("load", () => {
    if (shown === link) picture.src = large;
  });
  better.addEventListener("error", () => {
    if (tries > 1) setTimeout(again, AGAIN_SECONDS * 1000);
  });
  const again = () => {
    delete picture.dataset.larger;
    if (shown === link) loadLarger(zoom.scale, tries - 1);
  };
  better.src = large;
}
