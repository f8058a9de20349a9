// Endless scroll: brings the pages behind "Next page" and "Newer pictures" before the reader gets there, and brings
// them again when the reader comes back. Without this module, or when the network fails, the links simply stay links.
//
// A "pictures-wanted" event on the document brings the next page at once; "pictures-added" says that it is there.

import { ngettext } from "./words.js";

const list = document.querySelector("[data-endless]");
const status = document.querySelector("[data-endless-status]");
const brought = []; // {rel, href} of each page, in the order in which they came
const coming = new Set();
const nearTheEnd = new IntersectionObserver(
  (entries) => {
    const entry = entries.find((each) => each.isIntersecting);
    if (entry) bring("next");
  },
  { rootMargin: "1200px" },
);

const linkTo = (rel) => document.querySelector(`.pager a[rel=${rel}]`);

function watch() {
  const link = linkTo("next");
  if (list && link) nearTheEnd.observe(link.closest(".pager"));
}

async function bring(rel) {
  const link = linkTo(rel);
  if (!list || !link || coming.has(rel)) return false;
  coming.add(rel);
  const pager = link.closest(".pager");
  if (rel === "next") nearTheEnd.unobserve(pager);
  try {
    const response = await fetch(link.href, { credentials: "same-origin" });
    if (!response.ok) return false;
    add(new DOMParser().parseFromString(await response.text(), "text/html"), pager, rel);
    brought.push(rel);
    return true;
  } catch {
    return false; // Offline or interrupted: the link is still there to press.
  } finally {
    coming.delete(rel);
  }
}

function add(page, pager, rel) {
  // A picture that moved between pages, because others came or went, must not show twice.
  const known = new Set([...list.querySelectorAll("[data-image]")].map((card) => card.dataset.image));
  for (const card of page.querySelectorAll("[data-endless] .card")) if (known.has(card.dataset.image)) card.remove();
  const number = page.querySelectorAll("[data-endless] .card").length;
  const height = document.documentElement.scrollHeight;
  const place = scrollY;
  const parts = [...(page.querySelector("[data-endless]")?.children ?? [])].filter((part) => part.querySelector(".card"));
  for (const part of rel === "next" ? parts : parts.reverse()) join(document.adoptNode(part), rel);
  const further = page.querySelector(`.pager a[rel=${rel}]`)?.closest(".pager");
  if (further) pager.replaceWith(document.adoptNode(further));
  else pager.remove();
  // What the reader looks at stays where it is.
  if (rel === "prev") scrollTo({ top: place + document.documentElement.scrollHeight - height, behavior: "instant" });
  status.textContent = ngettext("{number} more picture", "{number} more pictures", number);
  document.dispatchEvent(new Event("pictures-added"));
  watch();
}

// A part of a page: a month, or all of a grid without months. The rest of a month joins what is there of it.
function join(part, rel) {
  const neighbour = rel === "next" ? list.lastElementChild : list.firstElementChild;
  if (!neighbour || neighbour.dataset.month !== part.dataset.month) {
    list[rel === "next" ? "append" : "prepend"](part);
    return;
  }
  const grid = neighbour.closest(".grid") ?? neighbour.querySelector(".grid");
  const cards = [...part.querySelectorAll(".card")];
  grid[rel === "next" ? "append" : "prepend"](...cards);
}

// Coming back, which the lightbox may do by a reload: as many pages as there were, and the place.
async function restore() {
  const saved = history.state?.endless;
  if (!["back_forward", "reload"].includes(performance.getEntriesByType("navigation")[0]?.type) || !saved) return;
  for (const rel of saved.brought) if (!(await bring(rel))) break;
  scrollTo({ top: saved.place, behavior: "instant" });
}

function remember() {
  if (list && history.state?.lightbox === undefined) {
    history.replaceState({ ...history.state, endless: { brought, place: scrollY } }, "");
  }
}

document.addEventListener("pictures-wanted", () => bring("next"));
document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target.closest(".pager a");
  if (!list || !link || !["next", "prev"].includes(link.rel)) return;
  event.preventDefault();
  bring(link.rel).then((came) => came || location.assign(link.href));
});
addEventListener("pagehide", remember);
document.addEventListener("click", (event) => event.target.closest("a") && remember());
restore().then(watch);
