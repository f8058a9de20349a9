"""How a run of any family ends: a page of what its model makes of dev, a card, the figures, and the plots.

The model is opened here as whoever is served it opens it, so that a run that is done has a model that works.
"""

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from ml import hub, registry
from ml.datasets.examples import Example, read
from ml.errors import ModelUnsupported
from ml.evaluation.pictures import batches
from ml.evaluation.report import Found, Sample, write_samples
from ml.interfaces import Captioner, ImageTextEncoder
from ml.training.options import to_arguments
from ml.training.run import CONFIG, SAMPLES, Run, read_json

SHOWN = 24  #: pictures of dev on the page
SEARCHED = 500  #: pictures of dev among which a query of the page finds its own, at most
BEST = 4  #: pictures that the page shows of what a query found
TERMS = 5  #: sources, with their licences, that the card names
_RECALL = re.compile(r"(.+)_r(\d+)")


def finish(run: Run, metrics: Mapping[str, Any], *, title: str, text: str, dev: Mapping[str, float]) -> None:
    """Write all that a run leaves beside its model.

    `metrics` is what metrics.json is to hold, `dev` the figures of the best epoch for the card, `text` in Markdown what
    the model is. Raises DatasetError, ModelCorrupt or ModelUnsupported where the model does not open, UsageError where
    the page cannot be written; the run goes on from here with `train --resume`.
    """
    examples = list(islice(read(Path(run.options["data"]), "dev"), SEARCHED))
    name = str(run.model)
    model_type = hub.locate(name).model_type
    try:
        if registry.encoders.takes(model_type):
            task, samples = "zero-shot-image-classification", finding(registry.encoders.get(name), examples)
        elif registry.captioners.takes(model_type):
            task, samples = "image-to-text", telling(registry.captioners.get(name), examples)
        else:
            raise ModelUnsupported(f"{name} is a {model_type} model, which is neither an encoder nor a captioner.")
    finally:
        registry.encoders.unload(name)
        registry.captioners.unload(name)
    write_samples(run.folder / SAMPLES, samples, f"{title}: dev, by the model of {run.folder.name}")
    run.finish(metrics, card(run, task=task, title=title, text=text, dev=dev))


def telling(captioner: Captioner, examples: Sequence[Example]) -> list[Sample]:
    """What a captioner says of some examples, beside what people say."""
    shown = [examples[row] for row in _spread(len(examples))]
    told = [result for images in batches(shown, "samples") for result in captioner.caption(images)]
    return [
        Sample(
            example.path,
            result.text,
            example.captions,
            f"confidence {result.confidence:.2f}" + (", unsure" if result.confidence < captioner.unsure_below else ""),
        )
        for example, result in zip(shown, told, strict=True)
    ]


def finding(encoder: ImageTextEncoder, examples: Sequence[Example]) -> list[Sample]:
    """What an encoder finds among the examples for the first caption of some."""
    rows = _spread(len(examples))
    images = np.concatenate([encoder.encode_images(some) for some in batches(examples, "samples")])
    similarities = encoder.encode_texts([examples[row].captions[0] for row in rows]) @ images.T
    samples = []
    for row, similarity in zip(rows, similarities, strict=True):
        place = 1 + int((similarity > similarity[row]).sum())
        found = np.argsort(-similarity, kind="stable")[:BEST].tolist()
        samples.append(
            Sample(
                examples[row].path,
                examples[row].captions[0],
                note=f"found in place {place} of {len(examples)}",
                found=[Found(examples[each].path, each == row) for each in found],
            )
        )
    return samples


def card(run: Run, *, task: str, title: str, text: str, dev: Mapping[str, float]) -> str:
    """The model card in Markdown: what it is, how well it does on dev, its data and their terms, how to repeat it."""
    data = Path(run.options["data"])
    pictures, captions, terms = _terms(data)
    command = ["python", "-m", "ml", "train", run.family, "--data", data.name, "--output", "RUN"]
    changes = {name: value for name, value in run.options.items() if name not in {"data", "cache"}}
    command += to_arguments({name: without_folders(value) for name, value in changes.items()})
    lines = [
        *("---", "license: other", "library_name: mmsite", f"pipeline_tag: {task}", "---"),
        *(f"# {title}", "", text, "", "## On dev", ""),
        "Of the epoch that did best there, which is the one kept.",
        *("", "| figure | value |", "| --- | ---: |", *(_row(name, value) for name, value in dev.items())),
        *("", "## Data", ""),
        f"The train split of `{data.name}`: {pictures:,} pictures with {captions:,} captions. Source and licence:",
        *("", *(f"- {term}" for term in terms), ""),
        "It knows what these data show, and does less well on pictures and words of another kind. Their terms, and "
        "those of the models that it started from, bind its use.",
        *("", "## To repeat it", "", f"At revision {read_json(run.folder, CONFIG).get('revision', 'unknown')}:", ""),
        *("```", shlex.join(command), "```"),
    ]
    return "\n".join(lines) + "\n"


def _spread(count: int) -> list[int]:
    """Rows of up to SHOWN examples, from first to last."""
    return [int(row) for row in np.linspace(0, count - 1, min(count, SHOWN)).round()]


def _row(name: str, value: float) -> str:
    recall = _RECALL.fullmatch(name)
    if recall is None:
        return f"| {name.replace('_', ' ')} | {value:.4g} |"
    return f"| {recall[1].replace('_', ' ')} R@{recall[2]} | {100 * value:.1f} % |"


def _terms(data: Path) -> tuple[int, int, list[str]]:
    """Pictures and captions of train; where the pictures come from and on which terms, the commonest first."""
    captions, terms = 0, Counter[tuple[str, str]]()
    for example in read(data, "train"):
        captions += len(example.captions)
        source = urlsplit(example.source).hostname or example.source
        terms[source or "of unknown source", example.licence or "licence unknown"] += 1
    named = [f"{source}: {licence} ({count:,} pictures)" for (source, licence), count in terms.most_common(TERMS)]
    rest = terms.total() - sum(count for _, count in terms.most_common(TERMS))
    return terms.total(), captions, named + ([f"others ({rest:,} pictures)"] if rest else [])


def without_folders(value: Any) -> Any:
    """Paths by their last names: a card goes where the machine's folders mean nothing."""
    if not isinstance(value, str):
        return value
    return ",".join(Path(part).name if Path(part).is_absolute() else part for part in value.split(","))
