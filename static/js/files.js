// Files that people drop, paste or choose, folders included.

const SYSTEM_FILES = /^(\.|thumbs\.db$|desktop\.ini$)/i;

/** Files that people did not mean to give: what the system keeps in folders. */
export function isMeant(file) {
  return !SYSTEM_FILES.test(file.name);
}

function readFile(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

async function readFolder(entry) {
  const reader = entry.createReader();
  const entries = [];
  // readEntries gives a hundred at most each time, and none at the end.
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    entries.push(...some);
  }
  return (await Promise.all(entries.map(readEntry))).flat();
}

async function readEntry(entry) {
  try {
    return entry.isDirectory ? await readFolder(entry) : [await readFile(entry)];
  } catch {
    return [new File([], entry.name)]; // may not be read: the server refuses it by name, the others go on
  }
}

/** The files of a drop or a paste. Entries must be taken at once: the browser empties the list after the event. */
async function readTransfer(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = entries.length ? (await Promise.all(entries.map(readEntry))).flat() : [...transfer.files];
  return files.filter(isMeant);
}

/** Calls `take(files)` for what is dropped anywhere on the page or pasted into it; `box` is marked meanwhile. */
export function onDropOrPaste(box, take) {
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    box.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) box.classList.remove("over");
  });
  document.addEventListener("drop", async (event) => {
    box.classList.remove("over");
    if (!hasFiles(event)) return;
    event.preventDefault();
    take(await readTransfer(event.dataTransfer));
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    take(files.map(named));
  });
}

/** Browsers call every pasted picture image.png; the time tells them apart. */
function named(file) {
  if (file.name !== "image.png") return file;
  const time = new Date().toISOString().slice(0, 19).replace("T", " ").replaceAll(":", ".");
  return new File([file], `pasted ${time}.png`, { type: file.type });
}

/** Shows what needs JavaScript and hides what is for those without it. */
export function enhance(form) {
  for (const element of form.querySelectorAll("[data-needs-js]")) element.hidden = false;
  for (const element of form.querySelectorAll("[data-no-js]")) element.hidden = true;
}
