// A button that copies the link or the text beside it; pictures.css shows it only where the browser lets pages copy.

document.documentElement.classList.toggle("can-copy", Boolean(navigator.clipboard)); // pages without HTTPS have none

document.addEventListener("click", async (event) => {
  const box = event.target.closest("[data-copy-button]")?.closest("[data-copy]");
  if (!box) return;
  const status = box.querySelector("[data-copy-status]");
  await navigator.clipboard.writeText(box.querySelector("input[readonly]")?.value ?? box.querySelector("[data-copy-text]").textContent);
  status.textContent = box.dataset.copy;
  status.classList.remove("hidden");
  setTimeout(() => status.classList.add("hidden"), 3000);
});

document.addEventListener("focusin", (event) => {
  if (event.target.matches("[data-copy] input[readonly]")) event.target.select();
});
