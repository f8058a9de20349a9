"""How to read a search page: CSS selectors in a TOML file. `google.toml` beside this module is one."""

import tomllib
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from urllib.parse import quote_plus, urlsplit

from ml.errors import DatasetError

PACKAGED = {path.stem: path for path in Path(__file__).parent.glob("*.toml")}


@dataclass(frozen=True)
class Site:
    """A search page. Each field but `name` is a key of the file; all but the first two may be left out."""

    name: str
    search: str  #: its address, with {query} where the words go
    result: str  #: selector of a result
    picture: str = "img"  #: within a result, the picture; empty where the result is the picture
    link: str = "a"  #: within a result, or around it, the link to the page that the picture comes from
    #: where the picture's address stands, the best first; in a srcset, the largest is taken
    attributes: tuple[str, ...] = (
        *("data-full", "data-srcset", "srcset", "data-src", "data-original", "data-lazy-src", "src"),
    )
    more: str = ""  #: a button or link that shows further results
    consent: str = ""  #: a button that agrees to, or refuses, what stands before the results
    end: str = ""  #: shown after the last result
    blocked: str = ""  #: shown in place of results to those whom the site takes for machines
    blocked_address: str = ""  #: a part of the address to which they are led
    wait: float = 5.0  #: seconds to wait for results
    licence: str = ""  #: under which its pictures come

    def address(self, query: str) -> str:
        """The search page for some words."""
        return self.search.replace("{query}", quote_plus(query))


def load(name: str) -> Site:
    """A site by its name or its file. Raises DatasetError where there is none, or it lacks something."""
    path = PACKAGED.get(name, Path(name))
    if path.suffix != ".toml":
        raise DatasetError(
            f"There is no site {name}: it is {' or '.join(sorted(PACKAGED))}, or a file that ends in .toml."
        )
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(f"The site {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise DatasetError(f"The site {path} is not TOML: {error}.") from error
    return _site(path, values)


def _site(path: Path, values: dict[str, object]) -> Site:
    known = {each.name: each for each in fields(Site) if each.name != "name"}
    if unknown := sorted(values.keys() - known):
        raise DatasetError(f"The site {path} has a key {unknown[0]}; it may have {', '.join(known)}.")
    for name, each in known.items():
        if each.default is MISSING and name not in values:
            raise DatasetError(f"The site {path} lacks the key {name}.")
    if isinstance(values.get("attributes"), list):
        values["attributes"] = tuple(map(str, values["attributes"]))  # type: ignore[call-overload]
    for name, value in values.items():
        kinds = {"attributes": tuple, "wait": (int, float)}
        if not isinstance(value, kinds.get(name, str)):  # type: ignore[arg-type]
            wanted = {"attributes": "a list of texts", "wait": "a number of seconds"}.get(name, "a text")
            raise DatasetError(f"The site {path} has a wrong {name}: it must be {wanted}.")
    site = Site(name=path.stem, **values)  # type: ignore[arg-type]
    if "{query}" not in site.search or urlsplit(site.search).scheme not in {"http", "https"}:
        raise DatasetError(f"The site {path} needs an http address with {{query}} in it as its search.")
    return site
