// Whether single letters are keys of their own: a switch for those who speak to their computer, or slip on its keys.
// What is chosen stays in this browser.

const NAME = "letters-are-keys";

export function lettersAreKeys() {
  try {
    return localStorage.getItem(NAME) !== "off";
  } catch {
    return true; // a browser that keeps nothing
  }
}

for (const box of document.querySelectorAll("[data-letters]")) {
  const say = () => {
    box.checked = lettersAreKeys();
    document.documentElement.classList.toggle("no-letters", !box.checked);
  };
  box.closest("[hidden]")?.removeAttribute("hidden"); // without a script there are no keys either
  box.addEventListener("change", () => {
    localStorage.setItem(NAME, box.checked ? "on" : "off");
    say();
  });
  say();
}
