"""Conceptual Captions: every row of the list ends as exactly one of kept and dropped, whatever happens on the way."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PILImage

from ml.__main__ import main
from ml.datasets import imagefolder
from ml.datasets.collect import conceptual_captions
from ml.datasets.collect.collection import Collection
from tests.ml.picture_server import PictureServer, picture, serve

LIMITS = ("--allow-private", "--pause", "0", "--backoff", "0.01", "--retries", "1", "--per-host", "8", "--workers", "8")


@pytest.fixture
def server() -> Iterator[PictureServer]:
    with serve() as running:
        yield running


def write_list(path: Path, rows: Sequence[tuple[str, str]]) -> Path:
    path.write_text("".join(f"{caption}\t{address}\n" for caption, address in rows), encoding="utf-8")
    return path


def download(path: Path, output: Path, *more: str) -> int:
    return main(["data", "conceptual-captions", str(path), str(output), *LIMITS, *more])


def rows(output: Path) -> list[dict[str, Any]]:
    return list(imagefolder.rows(output, "train"))


def dropped(output: Path) -> dict[str, str]:
    lines = (output / "dropped.jsonl").read_text().splitlines()
    found = [(row["key"], row["reason"]) for row in map(json.loads, lines)]
    assert len(dict(found)) == len(found)
    return dict(found)


def check_each_row_once(output: Path, count: int) -> None:
    """Each of the rows is kept or dropped, once; each picture has its row, and nothing else lies about."""
    names = [row["file_name"] for row in rows(output)]
    keys = [Path(name).stem for name in names] + list(dropped(output))
    assert sorted(keys) == [f"{n:09d}" for n in range(count)]
    assert {path.name for path in (output / "train").iterdir()} == {*names, imagefolder.METADATA}
    for name in names:
        PILImage.open(output / "train" / name).load()


def test_a_list_becomes_an_image_folder(
    server: PictureServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "set"
    path = write_list(
        tmp_path / "list.tsv",
        [
            ("a red kite – high up", f"{server.url}/1.jpg"),
            ("a picture that is gone", f"{server.url}/status?code=404"),
            ("a page", f"{server.url}/html"),
            ("a small boat", f"{server.url}/2.webp"),
        ],
    )

    assert download(path, output, "--licence", "ask the owners") == 0

    assert sorted(rows(output), key=lambda row: str(row["file_name"])) == [
        {
            "file_name": name,
            "captions": [caption],
            "split": "train",
            "source": address,
            "licence": "ask the owners",
            "address": address,
            "category": "",
        }
        for name, caption, address in (
            ("000000000.jpg", "a red kite – high up", f"{server.url}/1.jpg"),
            ("000000003.webp", "a small boat", f"{server.url}/2.webp"),
        )
    ]
    assert (output / "train" / "000000003.webp").read_bytes() == picture(2, "webp")
    assert dropped(output) == {"000000001": "status 404", "000000002": "not a picture"}
    assert "2 pictures kept, 2 dropped" in capsys.readouterr().out
    check_each_row_once(output, 4)


def test_the_report_says_what_was_dropped_and_why(server: PictureServer, tmp_path: Path) -> None:
    output = tmp_path / "set"
    path = write_list(
        tmp_path / "list.tsv",
        [("x", f"{server.url}/1.jpg"), *(("x | y", f"{server.url}/status?code=404&n={n}") for n in range(7))],
    )
    download(path, output)

    report = json.loads((output / "report.json").read_text())["splits"]["train"]
    assert (report["decided"], report["kept"], list(report["dropped"])) == (8, 1, ["status 404"])
    found = report["dropped"]["status 404"]
    assert (found["count"], found["meaning"], len(found["examples"])) == (7, "the host answered: not found", 5)
    assert found["examples"][0]["address"] == f"{server.url}/status?code=404&n=0"
    table = (output / "report.md").read_text()
    assert "| status 404 | 7 | 87.5% | the host answered: not found | row 000000001:" in table


def test_other_programs_read_it(server: PictureServer, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    output = tmp_path / "set"
    download(write_list(tmp_path / "list.tsv", [(f"number {n}", f"{server.url}/{n}.png") for n in range(3)]), output)
    loaded = datasets.load_dataset("imagefolder", data_dir=str(output), cache_dir=str(tmp_path / "cache"))
    assert sorted(caption for (caption,) in loaded["train"]["captions"]) == ["number 0", "number 1", "number 2"]


def test_one_picture_is_kept_once_also_across_splits(server: PictureServer, tmp_path: Path) -> None:
    output = tmp_path / "set"
    first = write_list(tmp_path / "first.tsv", [("a", f"{server.url}/1.jpg")])
    again = [f"{server.url}/1.jpg#part", f"{server.url}/1.jpg?size=large", f"{server.url}/elsewhere/1.jpg"]
    second = write_list(tmp_path / "second.tsv", [("b", address) for address in again])
    download(first, output)
    assert download(second, output, "--split", "test") == 0

    assert dropped(output) == {"000000000": "same address", "000000001": "same picture", "000000002": "same picture"}
    lines = map(json.loads, (output / "dropped.jsonl").read_text().splitlines())
    assert [row["detail"] for row in lines] == ["train/000000000", "train/000000000.jpg", "train/000000000.jpg"]
    assert "train/000000000.jpg: 2 more" in (output / "report.md").read_text()
    assert server.asked["/1.jpg"] == 2  # once each as it is and with a query; not again for the fragment


def test_rows_that_are_none(server: PictureServer, tmp_path: Path) -> None:
    path = tmp_path / "list.tsv"
    long = b"x" * 200_000
    path.write_bytes(
        b"good\t%b/1.jpg\n" % server.url.encode()
        + b"no tab\na\tb\tc\n\xff\xfe\thttp://x/\n\n"
        + long
        + b"\thttp://x/\n \thttp://x/2.jpg\nx\tno-address\nlast\t"
        + f"{server.url}/2.jpg".encode()
    )
    assert download(path, tmp_path / "set") == 0
    bad = {f"{n:09d}": "bad row" for n in (1, 2, 3, 4, 5)}
    assert dropped(tmp_path / "set") == bad | {"000000006": "no caption", "000000007": "bad address"}
    check_each_row_once(tmp_path / "set", 9)


def test_a_list_may_begin_with_rows_that_are_none(server: PictureServer, tmp_path: Path) -> None:
    path = tmp_path / "list.tsv"
    path.write_text(f"caption\turl\nno tab\na picture\t{server.url.replace('http', 'HTTP')}/1.jpg\n")
    assert download(path, tmp_path / "set") == 0
    assert [row["file_name"] for row in rows(tmp_path / "set")] == ["000000002.jpg"]
    assert dropped(tmp_path / "set") == {"000000000": "bad address", "000000001": "bad row"}


def test_limit_and_going_on(server: PictureServer, tmp_path: Path) -> None:
    path = write_list(tmp_path / "list.tsv", [("x", f"{server.url}/{n}.jpg") for n in range(6)])
    for limit, count in (("2", 2), ("4", 4), ("4", 4)):
        download(path, tmp_path / "set", "--limit", limit)
        check_each_row_once(tmp_path / "set", count)
    download(path, tmp_path / "set")
    check_each_row_once(tmp_path / "set", 6)
    assert set(server.asked.values()) == {1}


def test_wrong_input_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "set"
    swapped = write_list(tmp_path / "swapped.tsv", [("http://x/1.jpg", "a caption")])
    header = write_list(tmp_path / "header.tsv", [("caption", "url")])
    commas = tmp_path / "commas.tsv"
    commas.write_text("a caption,http://x/1.jpg\n")
    empty = write_list(tmp_path / "empty.tsv", [])
    for path, sentence in {
        tmp_path / "absent.tsv": "absent.tsv cannot be read: No such file or directory.",
        tmp_path: "cannot be read: Is a directory.",
        swapped: "is not a list of captions and addresses: none of its first rows is `caption<TAB>address`.",
        header: "none of its first rows is `caption<TAB>address`.",
        commas: "none of its first rows is `caption<TAB>address`.",
        empty: "none of its first rows is `caption<TAB>address`.",
    }.items():
        assert download(path, output) == 1
        error = capsys.readouterr().err
        assert sentence in error
        assert error.count("\n") == 1
    assert not output.exists()
    assert download(swapped, output, "--workers", "0") == 1
    assert capsys.readouterr().err == "--workers must be more than 0.\n"
    assert download(swapped, output, "--limit", "-1") == 1
    assert capsys.readouterr().err == "--limit must be at least 1.\n"


def test_folders_that_hold_something_else(
    server: PictureServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_list(tmp_path / "list.tsv", [("x", f"{server.url}/1.jpg")])
    with imagefolder.Writer(tmp_path / "other", "train") as writer:
        writer.add("a.jpg", picture(1), captions=["x"], source="", licence="")
    assert download(path, tmp_path / "other") == 1
    assert "holds pictures that this command did not collect" in capsys.readouterr().err

    download(path, tmp_path / "set")
    write_list(path, [("x", f"{server.url}/2.jpg")])
    assert download(path, tmp_path / "set") == 1
    assert "Row 000000000 is not what it was" in capsys.readouterr().err

    with closing(Collection(tmp_path / "set", "train", kind=conceptual_captions.KIND, licence="")):
        assert download(path, tmp_path / "set") == 1
    assert "Another process is collecting into" in capsys.readouterr().err

    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / ".collected.sqlite3").write_bytes(b"no database" * 1000)
    assert download(path, tmp_path / "damaged") == 1
    assert "is damaged" in capsys.readouterr().err


def test_a_full_disk_is_one_sentence_and_the_next_run_goes_on(
    server: PictureServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A limit on the size of files stands for the disk: pictures fit, and the rows do until they do not."""
    path = write_list(tmp_path / "list.tsv", [("x" * 500, f"{server.url}/{n}.jpg") for n in range(60)])
    script = "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    script += "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY));"
    script += "from ml.__main__ import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", script, "data", "conceptual-captions", str(path), str(tmp_path / "set"), *LIMITS]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "cannot be written" in result.stderr.splitlines()[-1]
    assert download(path, tmp_path / "set") == 0
    check_each_row_once(tmp_path / "set", 60)


def long_list(server: PictureServer, path: Path, count: int) -> Path:
    """Good pictures, repeated ones, and a few of each way to fail quickly."""
    bad = ("/status?code=404", "/html", "/tiny", "/loop", "/short", "/status?code=500", "/pixel-bomb", "/garbage")
    addresses = [
        f"{server.url}{bad[n // 5 % len(bad)]}{'&' if '?' in bad[n // 5 % len(bad)] else '?'}n={n}"
        if n % 5 == 0
        else f"{server.url}/{n % 40}.png?n={n}"
        for n in range(count)
    ]
    return write_list(path, [(f"row {n}", address) for n, address in enumerate(addresses)])


def test_killed_at_any_moment_no_row_is_lost_or_doubled(server: PictureServer, tmp_path: Path) -> None:
    count, output, chance = 150, tmp_path / "set", random.Random(4)
    path = long_list(server, tmp_path / "list.tsv", count)
    server.delay = 0.01
    command = [sys.executable, "-m", "ml", "data", "conceptual-captions", str(path), str(output), *LIMITS]
    kills = 0
    for _ in range(8):
        process = subprocess.Popen([*command, "--workers", "2"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        waited = 0.0
        while not (output / "train" / imagefolder.METADATA).exists() and waited < 20:
            time.sleep(0.01)
            waited += 0.01
        time.sleep(chance.uniform(0.2, 0.6))
        process.kill()
        kills += process.wait() == -signal.SIGKILL
    assert kills >= 3
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    check_each_row_once(output, count)
    reasons = Counter(dropped(output).values())
    assert reasons["same picture"] == 120 - len(rows(output))
    assert reasons["status 404"] == 4


KILL_AT = """
import os, signal, sys
from pathlib import Path
from ml.datasets import imagefolder
from ml.datasets.collect.journal import Journal

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def die_at(owner, name, call):
    real, calls = getattr(owner, name), []
    def counted(*arguments, **named):
        calls.append(1)
        return die() if len(calls) == call else real(*arguments, **named)
    setattr(owner, name, counted)

def die_amid_the_row(writer, line):
    writer._file.write(line[: len(line) // 2])
    die()

{moment}
from ml.__main__ import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    "moment",
    [
        "die_at(Path, 'replace', 3)",  # the picture is written, not yet under its name
        "die_at(imagefolder.Writer, '_append', 3)",  # it has its name, not yet its row
        "imagefolder.Writer._append = die_amid_the_row",  # half of its row
        "die_at(Journal, 'keep', 3)",  # its row, but nothing in the journal
        "die_at(Journal, 'drop', 2)",
        "import ml.datasets.collect.report as report; report.write = die",  # all but the report
    ],
)
def test_killed_between_picture_row_and_journal(server: PictureServer, tmp_path: Path, moment: str) -> None:
    path, output = long_list(server, tmp_path / "list.tsv", 20), tmp_path / "set"
    command = [sys.executable, "-c", KILL_AT.format(moment=moment), "data", "conceptual-captions", str(path)]
    result = subprocess.run([*command, str(output), *LIMITS], capture_output=True, check=False)
    assert result.returncode == -signal.SIGKILL
    assert download(path, output) == 0
    check_each_row_once(output, 20)
    assert len(rows(output)) == 16


def test_a_row_that_went_missing_is_done_again(server: PictureServer, tmp_path: Path) -> None:
    path = write_list(tmp_path / "list.tsv", [("x", f"{server.url}/{n}.jpg") for n in range(3)])
    download(path, tmp_path / "set", "--workers", "1")
    metadata = tmp_path / "set" / "train" / imagefolder.METADATA
    metadata.write_text("".join(metadata.read_text().splitlines(keepends=True)[:2]))
    download(path, tmp_path / "set")
    check_each_row_once(tmp_path / "set", 3)


def test_ctrl_c_keeps_all(server: PictureServer, tmp_path: Path) -> None:
    path, output = long_list(server, tmp_path / "list.tsv", 100), tmp_path / "set"
    server.delay = 0.05
    command = [sys.executable, "-m", "ml", "data", "conceptual-captions", str(path), str(output), *LIMITS]
    process = subprocess.Popen([*command, "--workers", "1"], stderr=subprocess.PIPE, text=True)
    metadata = output / "train" / imagefolder.METADATA
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (metadata.exists() and metadata.stat().st_size):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "so far. The same command goes on from here." in error
    assert "Traceback" not in error
    kept = json.loads((output / "report.json").read_text())["splits"]["train"]["kept"]
    assert kept == len(rows(output)) > 0
    server.delay = 0
    assert download(path, output) == 0
    check_each_row_once(output, 100)
