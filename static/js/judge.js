// Marks what a search found as right or wrong without leaving the page. The buttons belong to forms that do the same
// with a page load, which is also what happens where this can't get through.

let last = Promise.resolve(); // one after the other, so that the last press is what counts

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button?.matches("[data-judge]") || button.dataset.failed) return;
  event.preventDefault();
  last = last.then(() => judge(button)).catch(() => giveUp(button));
});

async function judge(button) {
  const form = button.form;
  const response = await fetch(form.action, {
    method: "POST",
    body: new FormData(form, button),
    credentials: "same-origin",
    headers: { Accept: "application/json" },
  });
  if (!response.ok || response.redirected) throw new Error(`${form.action} answered ${response.status}`);
  const { is_right: isRight } = await response.json();
  for (const each of button.closest(".judge").querySelectorAll("[data-judge]")) {
    const isPressed = isRight !== null && (each.dataset.judge === "right") === isRight;
    each.setAttribute("aria-pressed", isPressed);
    each.name = isPressed ? "clear" : each.dataset.judge;
  }
}

// Signed out, or offline: as without JavaScript, so that people see what is the matter.
function giveUp(button) {
  button.dataset.failed = "yes";
  button.form.requestSubmit(button);
}
