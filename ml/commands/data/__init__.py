"""`python -m ml data`: collect, clean, embed and search data sets."""

from collections.abc import Sequence

from ml.commands import Table, dispatch

COMMANDS: Table = {
    "flickr8k": ("ml.commands.data.flickr8k", "from its usual layout"),
    "conceptual-captions": ("ml.commands.data.conceptual_captions", "from Google's list of captions and addresses"),
    "scrape": ("ml.commands.data.scrape", "from an image-search page, in a real browser"),
    "clean": ("ml.commands.data.clean", "leave out what should not be learnt, and show it"),
    "embed": ("ml.commands.data.embed", "pictures and captions as vectors, in Parquet and FAISS"),
    "search": ("ml.commands.data.search", "find the pictures of an embedded set by words"),
}


def run(arguments: Sequence[str], prog: str) -> None:
    """Run one of them."""
    dispatch(COMMANDS, arguments, prog)
