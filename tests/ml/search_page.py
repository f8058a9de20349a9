"""An image-search page as such pages are: consent, infinite scroll by script, lazy pictures, a button for more."""

import base64
import json
from typing import Any

from tests.ml.picture_server import Handler, PictureServer, picture

PER_LOAD = 4
SITE = """
search = "{url}/search?q={{query}}"
result = ".result"
picture = "img"
link = "a"
more = "#more"
consent = "#agree"
end = "#end"
blocked = "#captcha"
blocked_address = "/sorry"
wait = {wait}
licence = "as the test page says"
"""

PAGE = """<!doctype html><meta charset="utf-8"><title>Pictures</title>
<style>.result { height: 300px; display: block } img { width: 200px; height: 200px }
#consent { position: fixed; inset: 0; background: white } .locked { overflow: hidden }</style>
<body>
<div id="consent" hidden><p>Before you go on</p><button id="agree">Agree</button></div>
<div id="results"></div>
<button id="more" hidden>More results</button>
<p id="end" hidden>Nothing more</p>
<script>
const query = new URLSearchParams(location.search).get("q");
const results = document.getElementById("results"), more = document.getElementById("more");
const lazy = new IntersectionObserver((entries) => entries.forEach(({target, isIntersecting}) => {
  if (isIntersecting && target.hidden_address) target.src = target.hidden_address;
}));
let start = 0, pressed = false, loading = false;
async function load() {
  if (loading || document.body.className) return;
  loading = true;
  const answer = await (await fetch(`/results?start=${start}&q=${encodeURIComponent(query)}`)).json();
  for (const item of answer.items) {
    const anchor = document.createElement("a");
    anchor.className = "result";
    anchor.href = `/page/${start}`;
    const image = document.createElement("img");
    image.src = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=";
    if (item.way === "script") { image.hidden_address = item.address; lazy.observe(image); }
    else image.setAttribute(item.way, item.address);
    anchor.append(image);
    results.append(anchor);
    start += 1;
  }
  more.hidden = answer.next !== "button" || pressed;
  document.getElementById("end").hidden = answer.next !== "end";
  loading = false;
  if (answer.next === "scroll" && innerHeight + scrollY >= document.body.scrollHeight - 50) setTimeout(load, 20);
}
more.onclick = () => { pressed = true; more.hidden = true; load(); };
addEventListener("scroll", () => {
  if (more.hidden && innerHeight + scrollY >= document.body.scrollHeight - 50) load();
});
if (!document.cookie.includes("agreed")) {
  document.body.className = "locked";
  setTimeout(() => { document.getElementById("consent").hidden = false; }, 100);
  document.getElementById("agree").onclick = () => {
    document.cookie = "agreed=1";
    document.getElementById("consent").remove();
    document.body.className = "";
    load();
  };
} else load();
</script>"""


class SearchServer(PictureServer):
    """`/search?q=` is the page; each query finds 14 results, of which the last six come after a button was pressed.

    Result n of a query is a good picture, but for 2 (cut short), 3 (the bytes of 1 at another address), 5 (gone) and
    6 (forbidden by robots.txt).
    """

    def __init__(self) -> None:
        super().__init__(_SearchHandler)
        self.robots = "User-agent: *\nDisallow: /forbidden/\n"
        self.searched: list[str] = []  #: queries in the order in which their pages were asked for
        self.blocked_after: int | None = None  #: pages, before a test for machines is shown

    def site(self, wait: float = 1.5) -> str:
        """How to read it, in TOML."""
        return SITE.format(url=self.url, wait=wait)


class _SearchHandler(Handler):
    server: SearchServer

    def do_search(self, query: dict[str, list[str]]) -> None:
        self.server.searched.append(query["q"][0])
        if self.server.blocked_after is not None and len(self.server.searched) > self.server.blocked_after:
            self._answer(b"<!doctype html><form id=captcha>Are you a machine?</form>", type="text/html")
        else:
            self._answer(PAGE.encode(), type="text/html")

    def do_paged(self, query: dict[str, list[str]]) -> None:
        """An older page: a few results, and a link to the next of three pages."""
        page = int(query.get("page", ["1"])[0])
        pictures = "".join(f'<p class=result><img src="{3 * page + n}.png"></p>' for n in range(3))
        following = f'<a id=more href="/paged?q=x&page={page + 1}">Next</a>' if page < 3 else "<p id=end>The end"
        self._answer(f"<!doctype html>{pictures}{following}".encode(), type="text/html")

    def do_results(self, query: dict[str, list[str]]) -> None:
        start, words = int(query["start"][0]), query["q"][0]
        items = [] if words == "nothing" else _results(words)[start : start + PER_LOAD]
        after = start + len(items)
        following = "end" if after >= 14 or not items else "button" if after == 8 else "scroll"
        self._answer(json.dumps({"items": items, "next": following}).encode(), type="application/json")

    def do_favicon_ico(self, _: Any) -> None:
        self._answer(b"", 404)


def _results(words: str) -> list[dict[str, str]]:
    number = sum(words.encode()) % 50 * 20  # each query has pictures of its own
    good = [f"/{number + n}.jpg" for n in range(14)]
    inline = base64.b64encode(picture(number + 7, "png", (120, 120))).decode()
    return [
        {"way": "src", "address": good[0]},
        {"way": "srcset", "address": f"/tiny 1x, {good[1]}?large,large 2x"},
        {"way": "src", "address": f"/cut?kind=jpg&n={number}"},
        {"way": "data-src", "address": f"/elsewhere{good[1]}"},
        {"way": "script", "address": good[4]},
        {"way": "src", "address": f"/gone/{number}"},
        {"way": "data-src", "address": f"/forbidden{good[6]}"},
        {"way": "src", "address": f"data:image/png;base64,{inline}"},
        *({"way": "script" if n % 2 else "src", "address": good[n]} for n in range(8, 14)),
    ]
