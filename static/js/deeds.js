// A deed that leaves the page as it is: it is sent, what came of it is said, and Undo is offered.

// What the server answered, and as `isDone` whether it did it.
export async function post(address, body) {
  const headers = { Accept: "application/json" };
  const response = await fetch(address, { method: "POST", body, credentials: "same-origin", headers });
  return { ...(await response.json()), isDone: response.ok };
}

export function say(status, message, isGood) {
  status.textContent = message;
  status.classList.toggle("wrong", !isGood);
}

// `undone` shows the page as it was before.
export function offerUndo(status, address, undone) {
  const form = document.querySelector("[data-undo-template]").content.firstElementChild.cloneNode(true);
  form.action = address;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const { message, isDone } = await post(address, new FormData(form));
      if (isDone) undone();
      say(status, message, isDone);
    } catch {
      form.submit(); // as without a script, so that people see what is wrong
    }
  });
  status.append(" ", form);
}
