// Endless scroll: brings the page behind "Next page" before the reader gets there. Without this module, or when the
// network fails, the link simply stays a link.

const list = document.querySelector("[data-endless]");
const status = document.querySelector("[data-endless-status]");
const nearTheEnd = new IntersectionObserver(
  (entries) => {
    const entry = entries.find((each) => each.isIntersecting);
    if (entry) bring(entry.target);
  },
  { rootMargin: "1200px" },
);

function watch() {
  const pager = document.querySelector(".pager");
  if (list && pager) nearTheEnd.observe(pager);
}

async function bring(pager) {
  nearTheEnd.unobserve(pager);
  const link = pager.querySelector("a[rel=next]");
  try {
    const response = await fetch(link.href, { credentials: "same-origin" });
    if (!response.ok) return;
    add(new DOMParser().parseFromString(await response.text(), "text/html"), pager);
  } catch {
    // Offline or interrupted: the link is still there to press.
  }
}

function add(page, pager) {
  // A picture that moved between pages, because others came or went, must not show twice.
  const known = new Set([...list.children].map((card) => card.dataset.image));
  const cards = [...page.querySelectorAll("[data-endless] > li")].filter((card) => !known.has(card.dataset.image));
  list.append(...cards.map((card) => document.adoptNode(card)));
  const next = page.querySelector(".pager");
  if (next) pager.replaceWith(document.adoptNode(next));
  else pager.remove();
  status.textContent = `${cards.length} more ${cards.length === 1 ? "picture" : "pictures"}`;
  document.dispatchEvent(new Event("pictures-added"));
  watch();
}

watch();
