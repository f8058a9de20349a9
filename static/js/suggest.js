// Completes what is typed into a search box: a combobox after the ARIA pattern, its list below the box. Without this
// module the box is a plain one.

import { gettext } from "./words.js";

const PAUSE = 120; // milliseconds without a key before the server is asked

for (const form of document.querySelectorAll("form[role=search]")) {
  const input = form.querySelector("input[name=q]");
  if (input) combobox(form, input);
}

function combobox(form, input) {
  const list = document.createElement("ul");
  let options = []; // what the server said, in the order of the list
  let active = -1;
  let asked = 0; // the number of the newest question: older answers are stale
  let timer = null;
  let request = null;

  list.id = `${input.id}-suggestions`;
  list.className = "suggestions";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", gettext("Suggestions"));
  input.after(list);
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-expanded", "false");
  input.setAttribute("aria-controls", list.id);
  input.autocomplete = "off";

  function close() {
    clearTimeout(timer);
    request?.abort();
    asked += 1;
    show([]);
  }

  function show(suggestions) {
    options = suggestions;
    list.replaceChildren(...options.map(item));
    list.hidden = !options.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    activate(-1);
  }

  function item(option, number) {
    const element = document.createElement("li");
    element.id = `${list.id}-${number}`;
    element.className = `suggestion ${option.kind}`;
    element.setAttribute("role", "option");
    element.setAttribute("aria-selected", "false");
    const label = document.createElement("span");
    label.className = "suggestion-label";
    label.textContent = option.label;
    element.append(label);
    if (option.note) {
      const note = document.createElement("span");
      note.className = "suggestion-note";
      note.textContent = option.note;
      element.append(" ", note);
    }
    element.addEventListener("click", () => take(option));
    return element;
  }

  function activate(number) {
    list.children[active]?.setAttribute("aria-selected", "false");
    active = number;
    const element = list.children[active];
    if (!element) {
      input.removeAttribute("aria-activedescendant");
      return;
    }
    element.setAttribute("aria-selected", "true");
    input.setAttribute("aria-activedescendant", element.id);
    element.scrollIntoView({ block: "nearest" });
  }

  // One place past the last stands for the box itself.
  function move(step) {
    const places = options.length + 1;
    activate(((active + 1 + step + places) % places) - 1);
  }

  function take(option) {
    const rest = option.whole ? "" : input.value.slice(input.selectionEnd);
    const head = rest ? option.text.trimEnd() : option.text;
    input.value = head + rest;
    input.focus();
    input.setSelectionRange(head.length, head.length);
    close();
    if (option.whole) form.requestSubmit();
    else if (option.kind === "field") ask();
  }

  function ask() {
    const end = input.selectionEnd;
    const inAWord = /^\S/.test(input.value.slice(end));
    if (inAWord || input.selectionStart !== end) close();
    else fetchFor(input.value.slice(0, end));
  }

  async function fetchFor(text) {
    clearTimeout(timer);
    request?.abort();
    request = new AbortController();
    asked += 1;
    const question = asked;
    let suggestions = [];
    try {
      const address = new URL("suggest", form.action);
      address.searchParams.set("q", text);
      const headers = { Accept: "application/json" };
      const response = await fetch(address, { credentials: "same-origin", headers, signal: request.signal });
      if (response.ok) ({ suggestions } = await response.json());
    } catch {
      // Offline, or a newer question was asked.
    }
    if (question === asked && document.activeElement === input) show(suggestions);
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  });
  input.addEventListener("click", () => {
    if (!input.value && list.hidden) ask();
  });
  input.addEventListener("blur", close);
  form.addEventListener("submit", close);
  // Neither a mouse nor a finger on the list takes the focus away from the box.
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  list.addEventListener("mousedown", (event) => event.preventDefault());

  input.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const isOpen = !list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (isOpen) move(event.key === "ArrowDown" ? 1 : -1);
      else ask();
    } else if (isOpen && event.key === "Escape") {
      event.preventDefault(); // else some browsers empty the box
      close();
    } else if (isOpen && event.key === "Enter" && active >= 0) {
      event.preventDefault();
      take(options[active]);
    }
  });
}
