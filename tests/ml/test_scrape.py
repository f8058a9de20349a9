"""A data set from queries and a search page, in a real browser."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ml.__main__ import main
from ml.datasets import imagefolder
from ml.datasets.collect import queries, sites
from ml.datasets.collect.browser import choose, largest
from ml.errors import DatasetError
from tests.ml.picture_server import picture, serve
from tests.ml.search_page import SearchServer

FAST = ("--allow-private", "--pause", "0", "--rate", "0", "--retries", "0", "--per-host", "8", "--workers", "4")
DOGS = {"query": "dogs in snow", "captions": ["A dog runs through snow.", "A dog in winter."]}
CATS = {"query": "cats & kittens", "captions": ["A cat sleeps."]}

browser = pytest.mark.skipif(
    shutil.which("chromedriver") is None or shutil.which("chromium") is None,
    reason="chromium and chromedriver are not installed here",
)


@pytest.fixture
def server() -> Iterator[SearchServer]:
    with serve(SearchServer()) as running:
        assert isinstance(running, SearchServer)
        yield running


def write_queries(path: Path, *found: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(query) + "\n" for query in found))
    return path


def write_site(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def scrape(tmp_path: Path, server: SearchServer, *found: dict[str, Any], more: tuple[str, ...] = ()) -> int:
    """Scrape into tmp_path / "set"."""
    path = write_queries(tmp_path / "queries.jsonl", *found)
    site = write_site(tmp_path / "test.toml", server.site())
    return main(["data", "scrape", str(path), str(tmp_path / "set"), "--site", str(site), *FAST, *more])


def kept(tmp_path: Path) -> list[dict[str, Any]]:
    return list(imagefolder.rows(tmp_path / "set", "train"))


def dropped(tmp_path: Path) -> Counter[str]:
    lines = (tmp_path / "set" / "dropped.jsonl").read_text().splitlines()
    return Counter(json.loads(line)["reason"] for line in lines)


@browser
@pytest.mark.browser
def test_a_page_is_scrolled_to_its_end(server: SearchServer, tmp_path: Path) -> None:
    """Past consent, by infinite scroll, by a button; lazy, doubled, broken and forbidden pictures among the results."""
    assert scrape(tmp_path, server, DOGS, more=("--per-query", "50")) == 0

    rows = kept(tmp_path)
    number = sum(b"dogs in snow") % 50 * 20
    paths = [row["address"].removeprefix(server.url).partition("?")[0] for row in rows]
    inline = [path for path in paths if path.startswith("data:")]
    twins = {f"/{number + 1}.jpg", f"/elsewhere/{number + 1}.jpg"}  # whichever came first
    expected = {f"/{number + n}.jpg" for n in (0, 4, *range(8, 14))}
    assert len(inline) == 1
    assert set(paths) - set(inline) - twins == expected
    assert len(rows) == 10
    assert dropped(tmp_path) == {"broken picture": 1, "same picture": 1, "status 404": 1, "robots.txt": 1}
    for row in rows:
        assert row["captions"] == DOGS["captions"]
        assert (row["category"], row["licence"]) == ("dogs in snow", "as the test page says")
        assert row["source"].startswith(f"{server.url}/page/")
    bodies = {(tmp_path / "set" / "train" / row["file_name"]).read_bytes() for row in rows}
    assert picture(number + 12) in bodies
    assert picture(number + 7, "png", (120, 120)) in bodies


@browser
@pytest.mark.browser
def test_pages_are_turned_unless_robots_txt_forbids_one(
    server: SearchServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.robots = "User-agent: *\nDisallow: /paged?q=x&page=3\n"
    site = write_site(tmp_path / "test.toml", server.site().replace("/search?", "/paged?"))
    path = write_queries(tmp_path / "queries.jsonl", DOGS)
    assert main(["data", "scrape", str(path), str(tmp_path / "set"), "--site", str(site), *FAST]) == 1
    assert f"The site test is not for programs: {server.url}/robots.txt forbids it." in capsys.readouterr().err
    addresses = {row["address"] for row in kept(tmp_path)}
    assert addresses == {f"{server.url}/{n}.png" for n in range(3, 9)}
    assert {row["source"] for row in kept(tmp_path)} == addresses  # no link says otherwise


@browser
@pytest.mark.browser
def test_no_more_than_wanted_and_no_query_twice(server: SearchServer, tmp_path: Path) -> None:
    assert scrape(tmp_path, server, DOGS, CATS, more=("--per-query", "3")) == 0
    assert Counter(row["category"] for row in kept(tmp_path)) == {"dogs in snow": 3, "cats & kittens": 3}
    assert server.searched == ["dogs in snow", "cats & kittens"]

    assert scrape(tmp_path, server, DOGS, CATS, more=("--per-query", "3")) == 0
    assert len(server.searched) == 2

    assert scrape(tmp_path, server, DOGS, more=("--per-query", "5")) == 0
    assert server.searched[2:] == ["dogs in snow"]
    assert Counter(row["category"] for row in kept(tmp_path)) == {"dogs in snow": 5, "cats & kittens": 3}


@browser
@pytest.mark.browser
def test_queries_without_results_are_said(
    server: SearchServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = {"query": "nothing", "captions": ["x"]}
    assert scrape(tmp_path, server, nothing) == 1
    assert "No query found a picture; see with --headful whether" in capsys.readouterr().err
    assert scrape(tmp_path, server, nothing, DOGS, more=("--per-query", "50")) == 0
    assert server.searched == ["nothing", "nothing", "dogs in snow"]
    assert "The query 'nothing' found nothing." in (tmp_path / "set" / "report.md").read_text()

    assert scrape(tmp_path, server, DOGS, more=("--per-query", "50")) == 0
    assert len(server.searched) == 3  # all that the page had is here
    assert scrape(tmp_path, server, nothing, DOGS, more=("--per-query", "50")) == 0  # the same as before, so no error
    assert server.searched[3:] == ["nothing"]


@browser
@pytest.mark.browser
def test_a_test_for_machines_ends_it_and_keeps_all(
    server: SearchServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.blocked_after = 1
    assert scrape(tmp_path, server, DOGS, CATS, more=("--per-query", "2")) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("The site test blocks us: it shows a test for machines.")
    assert "2 pictures kept" in error
    assert "It stopped at the query 'cats & kittens'." in (tmp_path / "set" / "report.md").read_text()

    server.blocked_after = None
    assert scrape(tmp_path, server, DOGS, CATS, more=("--per-query", "2")) == 0
    assert Counter(row["category"] for row in kept(tmp_path)) == {"dogs in snow": 2, "cats & kittens": 2}


@browser
@pytest.mark.browser
def test_robots_txt_of_the_page_is_obeyed_unless_told(
    server: SearchServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.robots = "User-agent: *\nDisallow: /\n"
    assert scrape(tmp_path, server, DOGS) == 1
    assert f"{server.url}/robots.txt forbids it" in capsys.readouterr().err
    assert server.searched == []

    assert scrape(tmp_path, server, DOGS, more=("--per-query", "2", "--ignore-robots")) == 0
    assert len(kept(tmp_path)) == 2


@browser
@pytest.mark.browser
def test_pages_that_cannot_be_read_are_one_sentence(
    server: SearchServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_queries(tmp_path / "queries.jsonl", DOGS)
    site = tmp_path / "test.toml"
    command = ["data", "scrape", str(path), str(tmp_path / "set"), "--site", str(site), *FAST, "--ignore-robots"]
    for text, sentence in {
        server.site().replace("/search?", "/status?code=503&"): "blocks us: it answered with status 503",
        server.site().replace('".result"', '".result["'): "A selector of the site test is none",
        server.site().replace(server.url, "http://127.0.0.1:9"): "The search page of test cannot be read: ",
    }.items():
        write_site(site, text)
        assert main(command) == 1
        assert sentence in capsys.readouterr().err.splitlines()[-1]


@pytest.fixture
def profiles() -> Iterator[Path]:
    """A folder for the browser's profile, which its command line names; short, since a socket lies in it."""
    with tempfile.TemporaryDirectory(prefix="mmsite-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@browser
@pytest.mark.browser
def test_ctrl_c_ends_the_browser_and_keeps_all(server: SearchServer, tmp_path: Path, profiles: Path) -> None:
    path = write_queries(tmp_path / "queries.jsonl", DOGS, CATS)
    site = write_site(tmp_path / "test.toml", server.site(wait=20))
    server.delay = 0.1
    command = [sys.executable, "-m", "ml", "data", "scrape", str(path), str(tmp_path / "set"), "--site", str(site)]
    environment = os.environ | {"TMPDIR": str(profiles)}
    process = subprocess.Popen(
        [*command, *FAST, "--rate", "0.5"], stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    metadata = tmp_path / "set" / "train" / imagefolder.METADATA
    assert _comes_true(lambda: metadata.exists() and metadata.stat().st_size > 0)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130, error
    assert "The same command goes on from here." in error
    assert "Traceback" not in error
    report = json.loads((tmp_path / "set" / "report.json").read_text())
    assert report["splits"]["train"]["kept"] == len(kept(tmp_path)) > 0
    assert _comes_true(lambda: not _browsers(profiles))


@browser
@pytest.mark.browser
def test_killed_it_leaves_no_browser_behind(server: SearchServer, tmp_path: Path, profiles: Path) -> None:
    path = write_queries(tmp_path / "queries.jsonl", DOGS)
    site = write_site(tmp_path / "test.toml", server.site())
    command = [sys.executable, "-m", "ml", "data", "scrape", str(path), str(tmp_path / "set"), "--site", str(site)]
    process = subprocess.Popen([*command, *FAST], stderr=subprocess.DEVNULL, env=os.environ | {"TMPDIR": str(profiles)})
    assert _comes_true(lambda: bool(server.searched and _browsers(profiles)))
    process.kill()
    process.wait()
    assert _comes_true(lambda: not _browsers(profiles))


def _browsers(profiles: Path) -> list[str]:
    return [line for line in _command_lines() if str(profiles) in line and "--type=" in line]


def _comes_true(what: Callable[[], bool]) -> bool:
    """Whether it is so within two minutes."""
    deadline = time.monotonic() + 120
    while not (so := what()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return so


def _command_lines() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended in the meantime


def test_without_a_browser_it_is_one_sentence(
    server: SearchServer, tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert scrape(tmp_path, server, DOGS) == 1
    error = capsys.readouterr().err
    assert error == "Chromium and chromedriver are needed to look at search pages; install both.\n"


def test_queries_in_both_forms(tmp_path: Path) -> None:
    lines = tmp_path / "queries.jsonl"
    lines.write_text('\ufeff{"query": " dogs  in snow", "captions": ["A dog.", " A dog. ", ""], "note": "x"}\n\n')
    tabs = tmp_path / "queries.tsv"
    tabs.write_text("dogs in snow\tA dog.\tA dog in snow.\r\ncats\tA cat.\n")
    assert queries.read(lines) == [queries.Query("dogs in snow", ("A dog.",))]
    assert queries.read(tabs) == [
        queries.Query("dogs in snow", ("A dog.", "A dog in snow.")),
        queries.Query("cats", ("A cat.",)),
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "holds no query"),
        ("```json\n", "line 1 is neither"),
        ('{"query": "x", "captions": ["y"]\n', "line 1 is not JSON"),
        ('[{"query": "x"}]', "line 1 is neither"),
        ('{"query": 3, "captions": ["y"]}', "line 1 has no query"),
        ('{"query": " ", "captions": ["y"]}', "line 1 has no query"),
        ('{"query": "x"}', "line 1 has no captions: it needs"),
        ('{"query": "x", "captions": "y"}', "line 1 has no captions: it needs"),
        ('{"query": "x", "captions": [" "]}', "line 1 has no captions: at least one"),
        ('{"query": "x", "captions": ["y", 3]}', "line 1 has no captions: it needs"),
        ("x\t\n", "line 1 has no captions: at least one"),
        ("x\ta\n\nX \tb\n", "line 3 repeats the query of line 1"),
        (f"x\t{'a' * 501}\n", "line 1 has a text of more than 500 letters"),
        ('{"query": "x \\ud83d", "captions": ["y"]}', "line 1 holds what is not Unicode text"),
        ('{"query": "x", "captions": ["y", "z \\uDE00"]}', "line 1 holds what is not Unicode text"),
    ],
)
def test_wrong_queries_are_one_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "queries.txt").write_text(content)
    with pytest.raises(DatasetError, match=sentence):
        queries.read(tmp_path / "queries.txt")


def test_queries_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for path, sentence in {
        tmp_path / "absent": "cannot be read: No such file",
        tmp_path / "binary": "not text",
    }.items():
        with pytest.raises(DatasetError, match=sentence):
            queries.read(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("search = ", "is not TOML"),
        ('search = "https://x/{query}"', "lacks the key result"),
        ('result = "a"', "lacks the key search"),
        ('search = "https://x/"\nresult = "a"', "needs an http address with {query}"),
        ('search = "file:///{query}"\nresult = "a"', "needs an http address with {query}"),
        ('search = "https://x/{query}"\nresult = "a"\nscroll = 3', "has a key scroll; it may have search, result"),
        ('search = "https://x/{query}"\nresult = 3', "has a wrong result: it must be a text"),
        ('search = "https://x/{query}"\nresult = "a"\nwait = "3"', "has a wrong wait: it must be a number of seconds"),
        ('search = "https://x/{query}"\nresult = "a"\nattributes = "src"', "has a wrong attributes: it must be a list"),
    ],
)
def test_wrong_sites_are_one_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    path = write_site(tmp_path / "site.toml", content)
    with pytest.raises(DatasetError) as caught:
        sites.load(str(path))
    assert sentence in str(caught.value)


def test_sites_by_name(tmp_path: Path) -> None:
    google = sites.load("google")
    assert google.address("dogs & cats").endswith("q=dogs+%26+cats")
    assert google.blocked_address == "/sorry/"
    for name, sentence in {"bing": "There is no site bing", str(tmp_path / "no.toml"): "cannot be read"}.items():
        with pytest.raises(DatasetError, match=sentence):
            sites.load(name)


def test_the_best_of_several_addresses() -> None:
    inline = "data:image/png;base64," + "A" * 1000
    names = ("srcset", "data-src", "src")
    assert choose(names, ["a.jpg 200w, b.jpg 800w", "c.jpg", "d.jpg"]) == "b.jpg"
    assert choose(names, ["", "c.jpg", inline]) == "c.jpg"
    assert choose(names, ["", "", inline]) == inline
    assert choose(names, ["", "", "data:image/gif;base64,AAAA"]) == ""


@pytest.mark.parametrize(
    ("srcset", "address"),
    [
        ("a.jpg", "a.jpg"),
        ("a.jpg 1x, b.jpg 2.5x, c.jpg 2x", "b.jpg"),
        ("https://x/w_100,h_100/a.jpg 100w,https://x/w_200,h_200/a.jpg 200w", "https://x/w_200,h_200/a.jpg"),
        ("  a.jpg 640w ,\n b.jpg 320w ", "a.jpg"),
        ("", ""),
    ],
)
def test_the_largest_of_a_srcset(srcset: str, address: str) -> None:
    assert largest(srcset) == address
