// Uploads each chosen, dropped or pasted file by itself, two at a time, with a bar for each.

import { enhance, isMeant, onDropOrPaste } from "./files.js";

const AT_ONCE = 2;

const form = document.querySelector("[data-upload]");
const section = document.querySelector("[data-upload-list]");
const list = section.querySelector(".uploads");
const summary = section.querySelector("[data-upload-summary]");
const rowTemplate = document.querySelector("[data-upload-row]");
const fileInput = form.querySelector("input[name=pictures]");
const folderInput = form.querySelector("[data-folder]");
const maxBytes = Number(form.dataset.maxBytes);

const waiting = [];
const count = { given: 0, created: 0, duplicate: 0, refused: 0, failed: 0 };
let underWay = 0;

function take(files) {
  for (const file of files) {
    const row = rowTemplate.content.firstElementChild.cloneNode(true);
    row.querySelector(".upload-name").textContent = file.name;
    list.append(row);
    count.given += 1;
    if (file.size > maxBytes) {
      finish(row, "refused", `Too large: at most ${Math.floor(maxBytes / 1_000_000)} MB are accepted.`);
    } else {
      row.querySelector(".upload-state").textContent = "waiting";
      waiting.push({ file, row });
    }
  }
  section.hidden = false;
  summarise();
  sendNext();
}

function sendNext() {
  while (underWay < AT_ONCE && waiting.length) {
    underWay += 1;
    send(waiting.shift());
  }
}

function send({ file, row }) {
  const body = new FormData();
  body.append("visibility", form.elements.visibility.value);
  body.append("pictures", file);
  const request = new XMLHttpRequest(); // fetch tells nothing of an upload's progress
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("X-CSRFToken", form.elements.csrfmiddlewaretoken.value);
  request.responseType = "json";
  const bar = row.querySelector("progress");
  request.upload.addEventListener("progress", (event) => {
    if (!event.lengthComputable) return;
    bar.value = (100 * event.loaded) / event.total;
    const sent = event.loaded === event.total;
    row.querySelector(".upload-state").textContent = sent ? "checking…" : `${Math.floor(bar.value)} %`;
  });
  request.addEventListener("load", () => answered(row, request, { file, row }));
  request.addEventListener("error", () => {
    failed(row, { file, row }, "The connection broke before the server had it.");
  });
  request.addEventListener("loadend", () => {
    underWay -= 1;
    sendNext();
  });
  request.send(body);
}

function answered(row, request, job) {
  const outcome = request.response?.files?.[0];
  if (!outcome) {
    failed(row, job, request.response?.message ?? `The server could not take it (${request.status}).`);
    return;
  }
  finish(row, outcome.outcome, outcome.message, outcome.url);
  if (outcome.uuid) follow(row, outcome.uuid, outcome.outcome);
}

function finish(row, outcome, sentence, url) {
  count[outcome] += 1;
  row.classList.add(outcome);
  row.querySelector("progress").hidden = true;
  const state = row.querySelector(".upload-state");
  if (url) {
    const link = document.createElement("a");
    link.href = url;
    link.textContent = sentence;
    state.replaceChildren(link);
  } else {
    state.textContent = sentence;
  }
  summarise();
}

function failed(row, job, sentence) {
  finish(row, "failed", sentence);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button small";
  button.textContent = "Try again";
  button.addEventListener("click", () => {
    count.failed -= 1;
    row.classList.remove("failed");
    row.querySelector("progress").hidden = false;
    row.querySelector(".upload-state").textContent = "waiting";
    waiting.push(job);
    summarise();
    sendNext();
  });
  row.querySelector(".upload-state").append(" ", button);
}

// live.js asks for the state of every [data-image][data-working] on the page and tells the element.
function follow(row, uuid, outcome) {
  row.dataset.image = uuid;
  row.toggleAttribute("data-working", true);
  row.addEventListener("picture-state", ({ detail }) => {
    if (detail.thumbnail) showThumbnail(row, detail.thumbnail);
    const link = row.querySelector(".upload-state a");
    if (outcome === "created" && link) {
      const maybe = detail.unsure ? "maybe: " : "";
      if (detail.description) link.textContent = maybe + detail.description;
      else link.textContent = detail.state === "failed" ? "uploaded; could not be described" : "being described…";
    }
  });
  document.dispatchEvent(new Event("pictures-added"));
}

function showThumbnail(row, thumbnail) {
  if (row.querySelector("img")) return;
  const image = document.createElement("img");
  Object.assign(image, { src: thumbnail.url, width: thumbnail.width, height: thumbnail.height, alt: "" });
  row.querySelector(".upload-thumb").replaceChildren(image);
}

function summarise() {
  const over = count.created + count.duplicate + count.refused + count.failed;
  const parts = [
    over < count.given ? `${over} of ${count.given} done` : "Done",
    count.created && `${count.created} uploaded`,
    count.duplicate && `${count.duplicate} already here`,
    count.refused && `${count.refused} refused`,
    count.failed && `${count.failed} not sent`,
  ];
  summary.textContent = parts.filter(Boolean).join(", ");
}

enhance(form);
for (const input of [fileInput, folderInput]) {
  input.addEventListener("change", () => {
    take([...input.files].filter(isMeant));
    input.value = "";
  });
}
form.addEventListener("submit", (event) => event.preventDefault());
onDropOrPaste(form.querySelector("[data-drop]"), take);
window.addEventListener("beforeunload", (event) => {
  if (underWay || waiting.length) event.preventDefault();
});
