"""A run's model as a folder to serve: what `ml.load_…`, and the site's settings, can name.

It holds all files of the run's model, its card, and SHA256SUMS, with which they are compared whenever the model is
opened (`sha256sum --check SHA256SUMS` does it too).
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image as PILImage

from ml import hub, registry
from ml.errors import ModelCorrupt, ModelError, ModelUnsupported, RunError
from ml.files import sha256
from ml.training.run import CARD, CONFIG, METRICS, MODEL, read_json

Role = Literal["encoder", "captioner"]


def export(run: Path, output: Path, *, unfinished: bool = False) -> Role:
    """Write a run's best model to a new folder, whole or not at all; says what it is.

    Raises RunError where there is no run, it is not done (unless `unfinished`), it has no model, or `output` is there
    already or cannot be written; ModelNotFound, ModelCorrupt or ModelUnsupported where the model cannot be served.
    """
    config = read_json(run, CONFIG)
    if not unfinished and not (run / METRICS).is_file():
        raise RunError(
            f"{run} is not done: go on with `train --resume {run}`, or export its best so far (--unfinished)."
        )
    if not (run / MODEL).is_dir():
        raise RunError(f"{run} has no model yet: go on with `train --resume {run}`.")
    if os.path.lexists(output):
        raise RunError(f"{output} is there already: remove it, or name another folder.")
    target = output.absolute()
    aside = target.with_name(f".{target.name}.{os.getpid()}.partial")
    partial = aside / target.name  # a model is called as its folder is
    try:
        aside.mkdir()
        _copy(run / MODEL, partial)
        if not (partial / CARD).exists():
            (partial / CARD).write_text(_card(run, config), encoding="utf-8")
        _list(partial)
        role = _try(partial, run)
        partial.rename(target)
    except OSError as error:
        raise RunError(f"{output} cannot be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return role


def _copy(source: Path, target: Path) -> None:
    """All files, without hidden ones, which are not whole."""
    target.mkdir()
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source)
        if any(part.startswith(".") for part in name.parts):
            continue
        if path.is_dir():
            (target / name).mkdir()
        else:
            shutil.copyfile(path, target / name)


def _list(folder: Path) -> None:
    """Write SHA256SUMS."""
    sums = folder / hub.CHECKSUMS
    sums.unlink(missing_ok=True)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    sums.write_text("".join(lines), encoding="utf-8")


def _try(folder: Path, run: Path) -> Role:
    """Open the model as the site does, and use it on a picture; says what it is."""
    name = str(folder)
    picture = PILImage.new("RGB", (64, 48), "green")
    try:
        model_type = hub.locate(name).model_type
        if registry.encoders.takes(model_type):
            encoder = registry.encoders.get(name)
            vectors = [encoder.encode_images([picture]), encoder.encode_texts(["a green wall"])]
            if any(each.shape != (1, encoder.dimension) or not np.isfinite(each).all() for each in vectors):
                raise ModelCorrupt("what it makes of a picture and a text are no vectors.")
            return "encoder"
        if registry.captioners.takes(model_type):
            registry.captioners.get(name).caption([picture])
            return "captioner"
        raise ModelUnsupported(f"it is a {model_type} model, which is neither an encoder nor a captioner known here.")
    except ModelError as error:
        raise type(error)(f"The model of {run} cannot be served: {error}") from error
    finally:
        registry.encoders.unload(name)
        registry.captioners.unload(name)


def _card(run: Path, config: dict[str, Any]) -> str:
    """A card for a model whose run did not write one."""
    figures = read_json(run, METRICS) if (run / METRICS).is_file() else None
    facts = {"options": config.get("options"), "data": config.get("data"), "figures": figures}
    family = config.get("family", "model")
    state = "" if figures else "\nThe best so far of a run that was not done when this was exported.\n"
    return (
        f"# {family}, from {run.name}\n{state}\n"
        f"Trained by `python -m ml train {family}` at revision {config.get('revision', 'unknown')}.\n\n"
        f"```json\n{json.dumps(facts, indent=2)}\n```\n"
    )
