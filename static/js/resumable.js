// Sends one file in pieces by the tus protocol (gallery/tus.py), and goes on where an earlier try ended.

import { gettext } from "./words.js";

const PIECE = 8_000_000; // bytes; what a broken connection costs at most
const TUS = { "Tus-Resumable": "1.0.0" };
const GONE = [404, 410];

/** The connection broke, or the server is busy: another try may do. */
export class Broken extends Error {}

/** Somebody pressed Pause. */
export class Paused extends Error {}

/** The server will not have it; the message is a sentence for people. */
export class Refused extends Error {}

/**
 * A request with progress, which fetch doesn't tell. `signal` aborts it.
 * Resolves with the XMLHttpRequest; rejects with Broken, Paused or Refused.
 */
export function request(method, url, { headers = {}, body = null, signal, progress = () => {} }) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(new Paused());
      return;
    }
    const xhr = new XMLHttpRequest();
    const abort = () => xhr.abort();
    signal?.addEventListener("abort", abort);
    xhr.open(method, url);
    for (const [name, value] of Object.entries({ Accept: "application/json", ...headers })) {
      xhr.setRequestHeader(name, value);
    }
    xhr.responseType = "json";
    xhr.upload.addEventListener("progress", (event) => progress(event.loaded));
    xhr.addEventListener("load", () => {
      const sentence = xhr.response?.message ?? gettext("The server could not take it ({status}).", { status: xhr.status });
      if (xhr.status < 400 || GONE.includes(xhr.status)) resolve(xhr);
      else if (xhr.status >= 500 || [408, 409, 423, 429, 460].includes(xhr.status)) reject(new Broken(sentence));
      else reject(new Refused(sentence));
    });
    xhr.addEventListener("error", () => reject(new Broken(gettext("The connection broke before the server had it."))));
    xhr.addEventListener("abort", () => reject(new Paused()));
    xhr.addEventListener("loadend", () => signal?.removeEventListener("abort", abort));
    xhr.send(body);
  });
}

/** What tells a file from others, as the server lists it and as the browser gives it. */
export function keyOf(name, size, modified) {
  return JSON.stringify([name.normalize("NFC"), size, modified]);
}

function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

/** Where the file is to be sent: one that was begun before, if the server still has it, else a new one. */
async function place(file, { url, known, token, visibility, signal }) {
  if (known) {
    const found = await request("HEAD", known, { headers: TUS, signal });
    if (!GONE.includes(found.status)) return { address: known, offset: Number(found.getResponseHeader("Upload-Offset")) };
  }
  const metadata = { filename: file.name, visibility, modified: String(file.lastModified) };
  const created = await request("POST", url, {
    headers: {
      ...TUS,
      "X-CSRFToken": token,
      "Upload-Length": String(file.size),
      "Upload-Metadata": Object.entries(metadata).map(([name, value]) => `${name} ${base64(value)}`).join(","),
    },
    signal,
  });
  return { address: created.getResponseHeader("Location"), offset: 0 };
}

/**
 * Sends the file, or what the server has not of it, and resolves with what became of it (gallery/tus.py, as_json).
 * `began(address)` is told where it goes, for `known` of another try; `progress(bytes)` how far it is.
 */
export async function sendInPieces(file, options) {
  const { token, signal, progress, began } = options;
  let { address, offset } = await place(file, options);
  began(address);
  progress(offset);
  do {
    const start = offset;
    const answer = await request("PATCH", address, {
      headers: {
        ...TUS,
        "X-CSRFToken": token,
        "Content-Type": "application/offset+octet-stream",
        "Upload-Offset": String(start),
      },
      body: file.slice(start, start + PIECE),
      signal,
      progress: (loaded) => progress(start + loaded),
    });
    if (GONE.includes(answer.status)) break; // finished by an earlier try whose answer got lost, or forgotten
    offset = Number(answer.getResponseHeader("Upload-Offset"));
    progress(offset);
  } while (offset < file.size);
  const { status, response } = await request("GET", address, { signal });
  if (status !== 200 || response.state === "receiving") {
    began(null); // what is known of it is no use: the next try begins anew
    throw new Broken(gettext("The server lost what it had of this file."));
  }
  return response;
}
