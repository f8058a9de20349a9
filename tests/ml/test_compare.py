"""Runs and evaluations side by side."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from ml.__main__ import main
from ml.datasets.examples import Example
from ml.errors import RunError, UsageError
from ml.evaluation.compare import compare
from ml.evaluation.results import Report
from ml.evaluation.retrieval import RetrievalStatistics
from ml.training.run import Run

PICTURES = 200


def retrieval_report(noise: float, *, fingerprint: str = "same", backwards: bool = False) -> Report:
    """A report of an encoder whose captions find their pictures the worse, the more noise; on the same pictures."""
    random = np.random.default_rng(0)
    hardness = np.repeat(random.exponential(2.0, PICTURES), 2)
    ranks = 1 + np.floor(hardness * (1 + noise)).astype(np.int64)
    statistics = RetrievalStatistics(ranks, np.repeat(np.arange(PICTURES), 2), ranks[::2])
    examples = [Example(Path(f"{place:03}.jpg"), ("a dog", "a man")) for place in range(PICTURES)]
    if backwards:
        statistics, examples = statistics.take(np.arange(PICTURES)[::-1]), examples[::-1]
        texts = ranks.reshape(-1, 2)[::-1].ravel()
        statistics = RetrievalStatistics(texts, statistics.owner[::-1], ranks[::2][::-1])
    return Report.of("retrieval", statistics, examples, model="m", split="dev", fingerprint=fingerprint)


def make_run(folder: Path, *, rate: float, data: str = "abc", done: bool = True) -> Path:
    run = Run.start(folder, family="clip", options={"seed": 1, "rate": rate}, data={"train": data})
    for step in range(1, 21):
        run.log(step=step, loss=rate / step)
    run.log(step=20, epoch=1, recall=0.5 + rate)
    if done:
        run.finish({"dev": {"recall": [0.5 + rate, 0.9]}, "epoch": 1}, "# A card\n")
    return folder


def cells(markdown: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in markdown.splitlines() if line.startswith("|")]


def test_runs_stand_side_by_side(tmp_path: Path) -> None:
    one, two = make_run(tmp_path / "one", rate=0.1), make_run(tmp_path / "two", rate=0.2)

    comparison = compare([one, two])

    rows = cells(comparison.markdown())
    assert ["family, and options that differ", "one", "two"] in rows
    assert ["rate", "0.1", "0.2"] in rows
    assert ["dev.recall.0", "0.6", "0.7"] in rows
    assert not any(row[0] == "seed" for row in rows)
    assert (comparison.warnings, comparison.verdicts) == ([], [])
    assert len(comparison.contenders[1].curve) == 21


def test_other_data_is_warned_of(tmp_path: Path) -> None:
    one, two = make_run(tmp_path / "one", rate=0.1), make_run(tmp_path / "two", rate=0.1, data="other", done=False)
    retrieval_report(0.0).write(one / "dev.json")
    retrieval_report(0.0, fingerprint="other").write(two / "dev.json")

    comparison = compare([one, two])

    assert comparison.warnings == [
        "one and two saw different data as their train split.",
        "The retrieval of one and two were scored on different data: do not compare them.",
    ]
    assert comparison.verdicts == []


def test_says_which_differences_are_real(tmp_path: Path) -> None:
    for name, noise in (("base", 1.0), ("same", 1.0), ("better", 0.5)):
        retrieval_report(noise).write(tmp_path / f"{name}.json")

    comparison = compare([tmp_path / f"{name}.json" for name in ("base", "same", "better")])

    same, better = comparison.verdicts
    assert same.startswith("Retrieval: same is, against base, not surely different in text -> image, R@1")
    assert "really better in text -> image, R@1; text -> image, R@5" in better
    assert "median rank" in better
    assert "worse" not in better
    label = next(label for label in comparison.figures if label.startswith("text -> image, R@1 "))
    assert comparison.figures[label]["better"].low > comparison.figures[label]["base"].value


def test_pairs_pictures_whatever_their_order(tmp_path: Path) -> None:
    """The same ranks in another order of rows are no difference at all."""
    retrieval_report(1.0).write(tmp_path / "one.json")
    retrieval_report(1.0, backwards=True).write(tmp_path / "two.json")
    rows = cells(compare([tmp_path / "one.json", tmp_path / "two.json"]).markdown())
    assert ["text -> image, R@5, %", "+0.0 (+0.0 to +0.0), p 1.000, not sure"] in rows


def test_several_reports_of_a_run_are_all_shown(tmp_path: Path) -> None:
    run = make_run(tmp_path / "one", rate=0.1)
    retrieval_report(1.0).write(run / "a.json")
    retrieval_report(0.5).write(run / "b.json")
    comparison = compare([run])
    assert ["retrieval on dev, 200 pictures", "one", "one #2"] in cells(comparison.markdown())
    assert comparison.verdicts[0].startswith("Retrieval: one #2 is, against one, really better in")


def test_the_command_prints_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [make_run(tmp_path / name, rate=rate) for name, rate in (("one", 0.1), ("two", 0.2))]
    for run, noise in zip(runs, (1.0, 0.5), strict=True):
        retrieval_report(noise).write(run / "dev.json")

    assert main(["evaluate", "compare", *map(str, runs), "--output", str(tmp_path / "both")]) == 0

    assert "two is, against one, really better" in capsys.readouterr().out
    page = (tmp_path / "both.html").read_text()
    assert "really better" in page
    assert "<script" not in page
    with PILImage.open(tmp_path / "both.png") as plot:
        assert plot.width > 1000
        colours = np.asarray(plot.convert("RGB")).reshape(-1, 3)
    assert len(np.unique(colours, axis=0)) > 10
    assert page.count("data:image/png;base64,") == 1


def test_what_is_no_run_and_no_report_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(RunError, match="is no run: it has no config"):
        compare([tmp_path / "nothing"])
    retrieval_report(1.0).write(tmp_path / "whole.json")
    whole = json.loads((tmp_path / "whole.json").read_text())
    damaged: list[Any] = ["{", [], {"kind": "poems"}, {"kind": "retrieval", "figures": {}}]
    damaged += [{**whole, "figures": {}}, {**whole, "pictures": 3}, {**whole, "pictures": [{}]}]
    for content in damaged:
        (tmp_path / "x.json").write_text(content if isinstance(content, str) else json.dumps(content))
        with pytest.raises(UsageError, match="is not what `evaluate … --json` writes"):
            compare([tmp_path / "x.json"])
    run = make_run(tmp_path / "run", rate=0.1)
    (run / "other.json").write_text('{"kind": ["captions"]}')  # not ours
    compare([run])
    (run / "config.json").write_text('{"family": "clip"}')
    with pytest.raises(RunError, match="does not hold the options of a run"):
        compare([run])
    with pytest.raises(UsageError, match=r"absent\.json cannot be read"):
        compare([tmp_path / "absent.json"])


def test_a_report_without_its_rows_is_not_compared(tmp_path: Path) -> None:
    whole = retrieval_report(1.0)
    whole.write(tmp_path / "one.json")
    content = json.loads((tmp_path / "one.json").read_text())
    del content["pictures"][7]
    (tmp_path / "two.json").write_text(json.dumps(content))
    with pytest.raises(UsageError, match="do not hold the same pictures"):
        compare([tmp_path / "one.json", tmp_path / "two.json"])
