"""`python -m ml`: make data sets, train, score and try the models from a shell."""

import sys
from collections.abc import Sequence

from ml.commands import Table, dispatch
from ml.errors import ModelError, Stopped

COMMANDS: Table = {
    "data": ("ml.commands.data", "collect, clean, embed and search data sets"),
    "train": ("ml.commands.train", "train a model into a run's folder, or go on with one"),
    "evaluate": ("ml.commands.evaluate", "score models, compare runs"),
    "export": ("ml.commands.export", "write a run's model as a folder that the site can serve"),
    "caption": ("ml.commands.caption", "describe pictures"),
    "match": ("ml.commands.match", "score how well pictures fit a text, best first"),
    "pull": ("ml.commands.pull", "fetch a model from the hub, to be used by its id from then on"),
    "models": ("ml.commands.models", "list the models on this machine and whether they work"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command: 0 where it worked, 1 where it could not (a sentence on stderr says why), 130 on Ctrl-C."""
    try:
        dispatch(COMMANDS, sys.argv[1:] if arguments is None else arguments, "python -m ml")
    except (KeyboardInterrupt, Stopped) as stopped:
        sys.stderr.write(f"\n{str(stopped) or 'Stopped.'}\n")
        return 130
    except ModelError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except ModuleNotFoundError as error:
        sys.stderr.write(f"This needs the package {error.name}, which is not installed; run `make install-dev`.\n")
        return 1
    except OSError as error:  # no disk left, no right to write: what was done is kept
        where = f": {error.filename}" if error.filename else ""
        sys.stderr.write(f"{error.strerror or error}{where}.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
