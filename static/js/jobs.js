// Keeps the page of the work on pictures as it is now: asks [data-jobs-url] every two seconds while something moves,
// ever less often while nothing does or where the answer takes long, and not at all while nobody looks.
//
// [data-jobs-steps] gets the HTML of the steps, [data-jobs-summary] the sentence, which screen readers say; so that one
// is not renewed all the time. When the mark changes, the [data-jobs] parts are taken from the page anew.

const MOVING_DELAY = 2_000; // milliseconds
const SLOWEST_DELAY = 20_000;
const QUIET_BETWEEN_SENTENCES = 10_000;

const root = document.querySelector("[data-jobs-url]");
const summary = root.querySelector("[data-jobs-summary]");
const steps = root.querySelector("[data-jobs-steps]");
let delay = MOVING_DELAY;
let timer = null;
let saidAt = 0;

for (const element of document.querySelectorAll("[data-no-js]")) element.hidden = true;

async function look() {
  timer = null;
  if (document.hidden) return; // visibilitychange starts it again
  const began = Date.now();
  try {
    const response = await fetch(root.dataset.jobsUrl, { credentials: "same-origin", headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`${response.status}`);
    const state = await response.json();
    steps.innerHTML = state.steps;
    say(state);
    if (state.mark !== root.dataset.mark && (await renew())) root.dataset.mark = state.mark;
    const took = Date.now() - began;
    delay = state.moving ? Math.max(MOVING_DELAY, took * 8) : Math.min(delay * 1.5, SLOWEST_DELAY);
  } catch {
    delay = Math.min(delay * 2, SLOWEST_DELAY); // the server restarts, or we are offline
  }
  start();
}

function say(state) {
  if (summary.textContent === state.summary) return;
  if (state.moving && Date.now() - saidAt < QUIET_BETWEEN_SENTENCES) return;
  summary.textContent = state.summary;
  saidAt = Date.now();
}

// False where somebody is about to press something: it is done the next time.
async function renew() {
  const parts = [...root.querySelectorAll("[data-jobs]")];
  const areInUse = () => parts.some((part) => part.contains(document.activeElement));
  if (areInUse()) return false;
  const response = await fetch(location.href, { credentials: "same-origin" });
  if (!response.ok) return false;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (areInUse()) return false; // by now
  for (const part of parts) {
    const fresh = page.querySelector(`[data-jobs="${part.dataset.jobs}"]`);
    if (fresh) part.replaceChildren(...fresh.childNodes);
  }
  return true;
}

function start() {
  if (timer === null) timer = setTimeout(look, delay);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  delay = MOVING_DELAY;
  clearTimeout(timer);
  timer = null;
  look();
});
start();
