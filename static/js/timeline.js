// Marks the month that one looks at in the rail of dates, and opens its year.

const links = new Map([...document.querySelectorAll("[data-month-link]")].map((link) => [link.dataset.monthLink, link]));
const select = document.querySelector("[data-jump] select");
const seen = new Map(); // of the months on the page, whether they are in sight
let current = null;

const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) seen.set(target, isIntersecting);
    const top = [...document.querySelectorAll("[data-month]")].find((month) => seen.get(month));
    if (top) mark(top.dataset.month);
  },
  { rootMargin: "-20% 0px -60% 0px" },
);

function mark(name) {
  if (name === current) return;
  current = name;
  for (const [month, link] of links) {
    if (month === name) link.setAttribute("aria-current", "date");
    else link.removeAttribute("aria-current");
  }
  const year = links.get(name)?.closest("details");
  for (const each of document.querySelectorAll("[data-year]")) if (each !== year && each.dataset.opened) each.open = false;
  if (year && !year.open) {
    year.open = true;
    year.dataset.opened = "yes"; // by us, and so closed by us
  }
  if (select && select !== document.activeElement) select.value = name;
}

function watch() {
  for (const month of document.querySelectorAll("[data-month]")) observer.observe(month);
}

document.addEventListener("pictures-added", watch);
watch();
