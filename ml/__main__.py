"""`python -m ml`: train, score and try the models from a shell."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image as PILImage
from PIL import ImageOps

import ml
from ml.errors import ModelError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 where it worked, 1 where it could not, with one sentence on stderr that says why."""
    options = _parser().parse_args(arguments)
    try:
        _COMMANDS[options.command](options)
    except (ModelError, _Unreadable, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


class _Unreadable(Exception):
    """A file given on the command line is not a picture that can be read."""


def _train(options: argparse.Namespace) -> None:
    if options.role == "encoder":
        from ml.training.dual_encoder import train
    else:
        from ml.training.captioner import train
    train(data=options.data, cache=options.cache, output=options.output, seed=options.seed)


def _evaluate(options: argparse.Namespace) -> None:
    if options.role == "encoder":
        from ml.evaluation import retrieval

        encoder = ml.load_encoder(options.model)
        table = retrieval.evaluate(encoder, data=options.data, split=options.split).table()
    elif options.role == "classes":
        from ml.evaluation import classes

        encoder = ml.load_encoder(options.model)
        table = classes.evaluate(encoder, data=options.data, split=options.split).table()
    else:
        from ml.evaluation import captions

        captioner = ml.load_captioner(options.model)
        table = captions.evaluate(captioner, data=options.data, split=options.split).table()
    _say(table)


def _caption(options: argparse.Namespace) -> None:
    captioner = ml.load_captioner(options.model)
    for path, image in _pictures(options.images):
        (result,) = captioner.caption([image])
        unsure = " (unsure)" if result.confidence < captioner.unsure_below else ""
        _say(f"{path}: {result.text} [{result.confidence:.2f}]{unsure}")


def _match(options: argparse.Namespace) -> None:
    encoder = ml.load_encoder(options.model)
    (text,) = encoder.encode_texts([options.text])
    scores = {path: float(encoder.encode_images([image])[0] @ text) for path, image in _pictures(options.images)}
    for path, score in sorted(scores.items(), key=lambda item: -item[1]):
        below = " (below the model's floor)" if encoder.match_floor is not None and score < encoder.match_floor else ""
        _say(f"{score:.3f}  {path}{below}")


def _pull(options: argparse.Namespace) -> None:
    from ml import hub

    checkpoint = hub.pull(options.id)
    _say(f"{checkpoint.name} at {checkpoint.revision} is in {checkpoint.folder}")


def _models(_: argparse.Namespace) -> None:
    from ml.registry import captioners, encoders

    for registry in (encoders, captioners):
        for name in registry.names():
            status = registry.describe(name)
            _say(f"{registry.role}  {name}  {status.state}  {status.info.key if status.info else status.sentence}")


_COMMANDS = {
    "train": _train,
    "evaluate": _evaluate,
    "caption": _caption,
    "match": _match,
    "pull": _pull,
    "models": _models,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ml", description="Train, score and try the models.")
    commands = parser.add_subparsers(dest="command", required=True)

    train = commands.add_parser("train", help="train a built-in model on Flickr8k and write its weights")
    train.add_argument("role", choices=["encoder", "captioner"])
    train.add_argument("--data", type=Path, required=True, help="folder of Flickr8k")
    train.add_argument("--cache", type=Path, required=True, help="folder for features, kept between runs")
    train.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    train.add_argument("--seed", type=int, default=0)

    evaluate = commands.add_parser("evaluate", help="score a model on Flickr8k and print the table")
    evaluate.add_argument(
        "role", choices=["encoder", "classes", "captioner"], help="classes: how well an encoder knows single things"
    )
    evaluate.add_argument("--data", type=Path, required=True, help="folder of Flickr8k")
    evaluate.add_argument("--split", choices=["train", "dev", "test"], default="test")

    caption = commands.add_parser("caption", help="describe pictures")
    caption.add_argument("images", type=Path, nargs="+", metavar="IMAGE")

    match = commands.add_parser("match", help="score how well pictures fit a text, best first")
    match.add_argument("text")
    match.add_argument("images", type=Path, nargs="+", metavar="IMAGE")

    for command in (evaluate, caption, match):
        command.add_argument("--model", default="builtin", help="builtin, fake, a hub id or a folder")

    pull = commands.add_parser("pull", help="fetch a model from the hub, to be used by its id from then on")
    pull.add_argument("id", help="owner/name, or owner/name@revision")

    commands.add_parser("models", help="list the models on this machine and whether they work")
    return parser


def _pictures(paths: Sequence[Path]) -> Iterator[tuple[Path, PILImage.Image]]:
    for path in paths:
        try:
            with PILImage.open(path) as file:
                image = ImageOps.exif_transpose(file).convert("RGB")
        except (OSError, PILImage.DecompressionBombError) as error:
            raise _Unreadable(f"{path} cannot be read as a picture: {error}") from error
        yield path, image


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
