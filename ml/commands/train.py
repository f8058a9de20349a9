"""`python -m ml train`: train a model into a run's folder, or go on with one.

A family is a module of `ml.training` with `Options` (see `ml.training.options`), `DESCRIPTION`, `SPLITS` (the splits
that it reads) and `train(run)`, which trains from the run's state, or anew, and finishes the run.
"""

import argparse
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from ml.commands import say
from ml.errors import RunError, UsageError

FAMILIES = {
    "encoder": ("ml.training.dual_encoder", "the built-in encoder: heads over frozen towers"),
    "captioner": ("ml.training.captioner", "the built-in captioner, or a GRU with attention over another backbone"),
    "chorus": ("ml.training.chorus", "several captioners of different seeds that say one caption"),
    "vit-bert": ("ml.training.vision_encoder_decoder", "a ViT with a BERT that tells what it sees"),
    "clip": ("ml.training.clip_scratch", "CLIP from scratch: our own ViT beside a BERT"),
    "finetune-clip": ("ml.training.clip_finetune", "any CLIP: whole, its projections, by LoRA, or with a locked ViT"),
}


def run(arguments: Sequence[str], prog: str) -> None:
    """Train. Raises an error of ml.errors."""
    if arguments and arguments[0].startswith("--resume"):
        parser = argparse.ArgumentParser(prog=prog, description="Go on with a run that was stopped.")
        parser.add_argument("--resume", type=Path, metavar="RUN", required=True, help="the run's folder")
        _resume(parser.parse_args(arguments).resume)
        return
    name, *rest = arguments or ["--help"]
    if name in {"-h", "--help"}:
        say(f"usage: {prog} FAMILY --data FOLDER --output RUN …, or {prog} --resume RUN\n")
        for family, (_, purpose) in FAMILIES.items():
            say(f"  {family:<14} {purpose}")
        return
    _start(name, _family(name), rest, f"{prog} {name}")


def _start(name: str, family: Any, arguments: Sequence[str], prog: str) -> None:
    from ml.training.options import add_arguments, from_arguments, to_json
    from ml.training.run import Run

    parser = argparse.ArgumentParser(prog=prog, description=family.DESCRIPTION)
    parser.add_argument("--output", type=Path, required=True, metavar="RUN", help="the run's folder, to be made")
    add_arguments(parser, family.Options)
    parsed = parser.parse_args(arguments)
    options = from_arguments(family.Options, parsed)
    data = _fingerprints(options.data, family)
    _finish(Run.start(parsed.output, family=name, options=to_json(options), data=data), family)


def _resume(folder: Path) -> None:
    from ml.training.run import Run

    run = Run.resume(folder)
    family = _family(run.family)
    if run.done:
        raise RunError(f"{folder} is done: there is nothing to go on with.")
    if not isinstance(run.options.get("data"), str):
        raise RunError(f"{folder} does not say which data set it learns from: start another run.")
    run.check_data(_fingerprints(run.options["data"], family))
    _finish(run, family)


def _finish(run: Any, family: Any) -> None:
    family.train(run)
    say(f"{run.folder} is done; its figures are in metrics.json, its model in model/.")


def _fingerprints(data: str, family: Any) -> dict[str, str]:
    from ml.datasets.imagefolder import fingerprint

    return {split: fingerprint(Path(data), split) for split in family.SPLITS}


def _family(name: str) -> Any:
    if name not in FAMILIES:
        raise UsageError(f"There is no family {name} to train; there are {', '.join(FAMILIES)}.")
    return import_module(FAMILIES[name][0])
