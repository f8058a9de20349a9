// Uploads each chosen, dropped or pasted file by itself, two at a time, with a bar for each and one for all. Large files
// and archives go in pieces; whatever the network breaks is tried again by itself.

import { enhance, isMeant, onDropOrPaste } from "./files.js";
import { Broken, keyOf, Paused, Refused, request, sendInPieces } from "./resumable.js";
import { gettext, ngettext } from "./words.js";

const AT_ONCE = 2;
const IN_PIECES_FROM = 8_000_000; // bytes
const TRIES = 10;
const LONGEST_WAIT = 30_000; // milliseconds
const FOLLOW_DELAY = 1_500;

const form = document.querySelector("[data-upload]");
const section = document.querySelector("[data-upload-list]");
const list = section.querySelector(".uploads");
const summary = section.querySelector("[data-upload-summary]");
const total = section.querySelector("[data-upload-total]");
const pauseButton = section.querySelector("[data-upload-pause]");
const rowTemplate = document.querySelector("[data-upload-row]");
const fileInput = form.querySelector("input[name=pictures]");
const folderInput = form.querySelector("[data-folder]");
const url = form.dataset.uploads;

const waiting = [];
const count = { given: 0, created: 0, duplicate: 0, refused: 0, failed: 0, archive: 0 };
const known = new Map(); // key -> address of uploads that were cut short
const bytes = { given: 0, sent: 0 };
let underWay = 0;
let pausing = new AbortController();

const token = () => form.elements.csrfmiddlewaretoken.value;
const isArchive = (file) => /\.zip$/i.test(file.name);

function take(files) {
  const rows = document.createDocumentFragment(); // one change of the page for hundreds of files
  for (const file of files) {
    const row = rowTemplate.content.firstElementChild.cloneNode(true);
    row.querySelector(".upload-name").textContent = file.name;
    rows.append(row);
    count.given += 1;
    const most = Number(isArchive(file) ? form.dataset.maxArchiveBytes : form.dataset.maxBytes);
    if (file.size > most) {
      finish(row, "refused", gettext("Too large: at most {limit} MB are accepted.", { limit: Math.floor(most / 1_000_000) }));
    } else {
      say(row, gettext("waiting"));
      bytes.given += file.size;
      waiting.push({ file, row, sent: 0, tries: 0 });
    }
  }
  list.append(rows);
  section.hidden = false;
  summarise();
  sendNext();
}

function say(row, words) {
  row.querySelector(".upload-state").textContent = words;
}

function sendNext() {
  while (!pausing.signal.aborted && underWay < AT_ONCE && waiting.length) {
    underWay += 1;
    run(waiting.shift()).finally(() => {
      underWay -= 1;
      summarise();
      sendNext();
    });
  }
}

async function run(job) {
  try {
    const inPieces = job.file.size > IN_PIECES_FROM || isArchive(job.file);
    answered(job, await (inPieces ? sendLarge(job) : sendSmall(job)));
  } catch (error) {
    if (error instanceof Paused) {
      say(job.row, gettext("paused"));
      waiting.unshift(job);
    } else if (error instanceof Broken && job.tries < TRIES) {
      await again(job, error);
    } else if (error instanceof Refused) {
      finish(job.row, "refused", error.message);
    } else {
      failed(job, error.message);
    }
  }
}

/** Waits ever longer, or until the network is back, and puts the file in front of those that wait. */
async function again(job, error) {
  const wait = Math.min(1_000 * 2 ** job.tries, LONGEST_WAIT);
  job.tries += 1;
  const soon = gettext("Trying again in {seconds} s.", { seconds: Math.round(wait / 1_000) });
  say(job.row, `${error.message} ${soon}`);
  await new Promise((resolve) => {
    const timer = setTimeout(resolve, wait);
    for (const [target, name] of [[window, "online"], [pausing.signal, "abort"]]) {
      target.addEventListener(name, () => { clearTimeout(timer); resolve(); }, { once: true });
    }
  });
  waiting.unshift(job);
}

async function sendSmall(job) {
  const body = new FormData();
  body.append("visibility", form.elements.visibility.value);
  body.append("pictures", job.file);
  const { response } = await request("POST", form.action, {
    headers: { "X-CSRFToken": token() },
    body,
    signal: pausing.signal,
    progress: (loaded) => progressed(job, Math.min(loaded, job.file.size)),
  });
  const outcome = response?.files?.[0];
  if (!outcome) throw new Broken(gettext("The server gave no answer that we understand."));
  return outcome;
}

async function sendLarge(job) {
  await recalled;
  const key = keyOf(job.file.name, job.file.size, job.file.lastModified);
  return sendInPieces(job.file, {
    url,
    known: known.get(key),
    token: token(),
    visibility: form.elements.visibility.value,
    signal: pausing.signal,
    progress: (sent) => progressed(job, sent),
    began: (address) => (address ? known.set(key, address) : known.delete(key)),
  });
}

function progressed(job, sent) {
  bytes.sent += sent - job.sent;
  if (sent > job.sent) job.tries = 0;
  job.sent = sent;
  const percent = (100 * sent) / Math.max(job.file.size, 1);
  job.row.querySelector("progress").value = percent;
  say(job.row, sent >= job.file.size ? gettext("checking…") : gettext("{percent} %", { percent: Math.floor(percent) }));
  total.value = (100 * bytes.sent) / Math.max(bytes.given, 1);
}

function answered(job, outcome) {
  progressed(job, job.file.size);
  if (outcome.archive) {
    count.archive += 1;
    followArchive(job.row, outcome);
    return;
  }
  finish(job.row, outcome.outcome, outcome.message, outcome.url);
  if (outcome.uuid) follow(job.row, outcome.uuid, outcome.outcome);
}

function finish(row, outcome, sentence, link) {
  count[outcome] += 1;
  row.classList.add(outcome);
  row.querySelector("progress").hidden = true;
  if (link) {
    const element = document.createElement("a");
    element.href = link;
    element.textContent = sentence;
    row.querySelector(".upload-state").replaceChildren(element);
  } else {
    say(row, sentence);
  }
  summarise();
}

function failed(job, sentence) {
  finish(job.row, "failed", sentence);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button small";
  button.textContent = gettext("Try again");
  button.addEventListener("click", () => {
    count.failed -= 1;
    job.tries = 0;
    job.row.classList.remove("failed");
    job.row.querySelector("progress").hidden = false;
    say(job.row, gettext("waiting"));
    waiting.push(job);
    summarise();
    sendNext();
  });
  job.row.querySelector(".upload-state").append(" ", button);
}

/** Tells how far the worker is with an archive, until it is done. */
async function followArchive(row, outcome) {
  const bar = row.querySelector("progress");
  let said = outcome;
  while (said.state === "unpacking") {
    bar.value = (100 * said.archive.done) / said.archive.files;
    say(row, gettext("Unpacking: {done} of {files} files taken in. You may leave this page.", said.archive));
    await new Promise((resolve) => setTimeout(resolve, FOLLOW_DELAY));
    try {
      const { response, status } = await request("GET", outcome.upload_url, {});
      if (status === 200) said = response;
      else break;
    } catch {
      continue; // the network is away; the worker isn't
    }
  }
  bar.hidden = true;
  row.classList.add(said.outcome === "refused" ? "refused" : "created");
  say(row, said.message);
  const refusals = document.createElement("ul");
  for (const [name, sentence] of said.archive?.refusals ?? []) {
    const item = document.createElement("li");
    item.textContent = `${name}: ${sentence}`;
    refusals.append(item);
  }
  if (refusals.childElementCount) row.querySelector(".upload-state").append(refusals);
}

// live.js asks for the state of every [data-image][data-working] on the page and tells the element.
function follow(row, uuid, outcome) {
  row.dataset.image = uuid;
  row.toggleAttribute("data-working", true);
  row.addEventListener("picture-state", ({ detail }) => {
    if (detail.thumbnail) showThumbnail(row, detail.thumbnail);
    const link = row.querySelector(".upload-state a");
    if (outcome === "created" && link) {
      const caption = detail.description;
      if (caption) link.textContent = detail.unsure ? gettext("maybe: {caption}", { caption }) : caption;
      else if (detail.state === "failed") link.textContent = gettext("uploaded; could not be described");
      else link.textContent = gettext("being described…");
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
  const over = count.created + count.duplicate + count.refused + count.failed + count.archive;
  const parts = [
    over < count.given ? gettext("{over} of {given} done", { over, given: count.given }) : gettext("Done"),
    count.created && ngettext("{number} uploaded", "{number} uploaded", count.created),
    count.archive && ngettext("{number} archive", "{number} archives", count.archive),
    count.duplicate && ngettext("{number} already here", "{number} already here", count.duplicate),
    count.refused && ngettext("{number} refused", "{number} refused", count.refused),
    count.failed && ngettext("{number} not sent", "{number} not sent", count.failed),
  ];
  summary.textContent = parts.filter(Boolean).join(", ");
  const isOver = !underWay && !waiting.length;
  total.hidden = pauseButton.hidden = isOver;
}

/** What was cut short, so that choosing the same files again goes on where it ended. */
async function recall() {
  const { response } = await request("GET", url, {});
  const short = response.uploads.filter((each) => each.state === "receiving");
  for (const each of short) known.set(keyOf(each.name, each.bytes, each.modified), each.upload_url);
}

enhance(form);
const recalled = recall().catch(() => {}); // a page that can't ask uploads all the same
for (const input of [fileInput, folderInput]) {
  input.addEventListener("change", () => {
    take([...input.files].filter(isMeant));
    input.value = "";
  });
}
pauseButton.addEventListener("click", () => {
  const isPaused = pausing.signal.aborted;
  if (isPaused) pausing = new AbortController();
  else pausing.abort();
  pauseButton.textContent = isPaused ? gettext("Pause") : gettext("Go on");
  sendNext();
});
form.addEventListener("submit", (event) => event.preventDefault());
onDropOrPaste(form.querySelector("[data-drop]"), take);
window.addEventListener("beforeunload", (event) => {
  if (underWay || waiting.length) event.preventDefault();
});
