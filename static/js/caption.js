// The form for a picture's caption: opens at the caption as it is now (the describer may have spoken since the page came),
// goes to its end, and closes on Esc.

const details = document.querySelector("[data-caption-edit]");
const form = details.querySelector("form");
const { text, before } = form.elements;

details.addEventListener("toggle", () => {
  if (!details.open) return;
  if (text.value === before.value) {
    text.value = document.querySelector("[data-live=copy] [data-copy-text]")?.textContent ?? "";
    before.value = text.value;
  }
  text.focus();
  text.setSelectionRange(text.value.length, text.value.length);
});

details.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  event.preventDefault(); // nor leave the page
  details.open = false;
  details.querySelector("summary").focus();
});

text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault(); // a caption is one line
  form.requestSubmit();
});
