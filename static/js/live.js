// Follows the work on pictures: asks again and again, ever less often while nothing moves, and stops when all is done.
//
// [data-live-states=URL]  asked with ?image=…&image=… for the [data-image][data-working] elements of the whole page.
//                         A card is replaced by its new HTML; any other element gets a "picture-state" event.
// [data-live-page=URL]    asked for one picture; when its state changed, the [data-live] parts of the page are renewed.
// A "pictures-added" event on the document starts the asking again.

const FIRST_DELAY = 700; // milliseconds
const SLOWEST_DELAY = 20_000;
const PICTURES_A_REQUEST = 60; // at most what the server answers

const statesUrl = document.querySelector("[data-live-states]")?.dataset.liveStates;
const viewer = document.querySelector("[data-live-page]");
let delay = FIRST_DELAY;
let timer = null;
let turn = 0;

async function getJson(url) {
  const response = await fetch(url, { credentials: "same-origin", headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.json();
}

function inWork() {
  return [...document.querySelectorAll("[data-image][data-working]")];
}

// Takes turns when more pictures are in work than one request may ask for.
function nextInWork() {
  const all = inWork();
  if (turn >= all.length) turn = 0;
  const some = all.slice(turn, turn + PICTURES_A_REQUEST);
  turn += some.length;
  return some;
}

async function followStates() {
  const elements = nextInWork();
  if (!elements.length) return false;
  const query = new URLSearchParams(elements.map((element) => ["image", element.dataset.image]));
  const { images } = await getJson(`${statesUrl}?${query}`);
  return elements.map((element) => renew(element, images[element.dataset.image])).some(Boolean);
}

function renew(element, state) {
  if (!element.isConnected) return false; // taken away meanwhile: Undo brings it back as it was
  if (!state) {
    element.removeAttribute("data-working"); // deleted meanwhile, or no longer ours to see
    return false;
  }
  const mark = JSON.stringify([state.state, state.description, state.thumbnail, state.steps]);
  const changed = element.dataset.mark !== mark;
  element.dataset.mark = mark;
  if (!changed) return false;
  if (element.matches(".card")) {
    const fresh = parse(state.card).querySelector("li");
    fresh.dataset.mark = mark;
    const focused = element.contains(document.activeElement) ? document.activeElement : null;
    fresh.append(...element.querySelectorAll(".score, .more, .where, .pick")); // known to the page alone
    element.replaceWith(fresh);
    if (focused) (fresh.contains(focused) ? focused : fresh.querySelector("a")).focus();
  } else {
    element.toggleAttribute("data-working", state.state === "working");
    element.dispatchEvent(new CustomEvent("picture-state", { detail: state }));
  }
  return true;
}

async function followPage() {
  const state = await getJson(viewer.dataset.livePage);
  const mark = JSON.stringify(state);
  if (viewer.dataset.mark === mark) return false;
  const response = await fetch(location.href, { credentials: "same-origin" });
  if (!response.ok) return false;
  const page = parse(await response.text());
  for (const part of document.querySelectorAll("[data-live]")) {
    const fresh = page.querySelector(`[data-live="${part.dataset.live}"]`);
    if (!fresh || fresh.innerHTML === part.innerHTML) continue;
    const wereOpen = [...part.querySelectorAll("details")].map((details) => details.open);
    part.replaceChildren(...fresh.childNodes);
    part.querySelectorAll("details").forEach((details, number) => (details.open ||= wereOpen[number] ?? false));
  }
  viewer.dataset.mark = mark;
  viewer.toggleAttribute("data-working", state.is_open);
  return true;
}

function parse(html) {
  return new DOMParser().parseFromString(html, "text/html");
}

function anythingToFollow() {
  return viewer?.hasAttribute("data-working") || (statesUrl && inWork().length > 0);
}

async function ask() {
  timer = null;
  if (document.hidden) return; // visibilitychange starts it again
  try {
    const moved = viewer ? await followPage() : await followStates();
    delay = moved ? FIRST_DELAY : Math.min(delay * 1.6, SLOWEST_DELAY);
  } catch {
    delay = Math.min(delay * 2, SLOWEST_DELAY); // the server restarts, or we are offline
  }
  start();
}

function start() {
  if (timer === null && anythingToFollow()) timer = setTimeout(ask, delay);
}

function startSoon() {
  delay = FIRST_DELAY;
  clearTimeout(timer);
  timer = null;
  start();
}

document.addEventListener("pictures-added", startSoon);
document.addEventListener("visibilitychange", () => document.hidden || startSoon());
start();
