// A button that copies the link beside it; shown only where the browser lets pages copy.

for (const box of document.querySelectorAll("[data-copy]")) {
  const button = box.querySelector("[data-copy-button]");
  const status = box.querySelector("[data-copy-status]");
  const input = box.querySelector("input");
  input.addEventListener("focus", () => input.select());
  if (!navigator.clipboard) continue; // pages served without HTTPS have none
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(input.value);
    status.textContent = "Link copied";
    status.classList.remove("hidden");
    setTimeout(() => status.classList.add("hidden"), 3000);
  });
}
