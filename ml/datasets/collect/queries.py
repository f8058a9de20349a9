"""What to search for, and what to say of the pictures that are found: a file as a language model writes it.

JSON Lines, `{"query": "dogs in snow", "captions": ["A dog runs through deep snow."]}`, or a query and its captions
between tabs. docs/workshop.md has the prompt.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from ml.errors import DatasetError

_LONGEST = 500  # letters


@dataclass(frozen=True)
class Query:
    """Words for a search page, and captions for every picture that it finds."""

    text: str
    captions: tuple[str, ...]


def read(path: Path) -> list[Query]:
    """The queries of a file. Raises DatasetError that says which line is wrong and how it should look."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise DatasetError(f"The queries {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"The queries {path} are not text in UTF-8.") from error
    queries: dict[str, tuple[int, Query]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        query = _query(line, place)
        first, _ = queries.setdefault(" ".join(query.text.casefold().split()), (number, query))
        if first != number:
            raise DatasetError(f"{place} repeats the query of line {first}: put all its captions into one line.")
    if not queries:
        raise DatasetError(f"{path} holds no query.")
    return [query for _, query in queries.values()]


def _query(line: str, place: str) -> Query:
    if line.lstrip().startswith("{"):
        try:
            found = json.loads(line)
        except ValueError as error:
            raise DatasetError(f"{place} is not JSON: one whole object belongs on each line.") from error
        text, captions = found.get("query"), found.get("captions")
    elif "\t" in line:
        text, *captions = line.split("\t")
    else:
        raise DatasetError(
            f'{place} is neither {{"query": …, "captions": […]}} nor a query and captions between tabs; '
            "leave out what a language model wrote around the lines, such as ```."
        )
    if not isinstance(text, str) or not text.strip():
        raise DatasetError(f'{place} has no query: it needs "query", a text.')
    if not isinstance(captions, list) or not all(isinstance(caption, str) for caption in captions):
        raise DatasetError(f'{place} has no captions: it needs "captions", a list of texts.')
    captions = [" ".join(caption.split()) for caption in captions if caption.strip()]
    if not captions:
        raise DatasetError(f"{place} has no captions: at least one is needed for the pictures of {text.strip()!r}.")
    if len(max(text, *captions, key=len)) > _LONGEST:
        raise DatasetError(f"{place} has a text of more than {_LONGEST} letters.")
    if any("\ud800" <= sign <= "\udfff" for each in (text, *captions) for sign in each):
        raise DatasetError(f"{place} holds what is not Unicode text: half of a pair of \\u escapes.")
    return Query(" ".join(text.split()), tuple(dict.fromkeys(captions)))
