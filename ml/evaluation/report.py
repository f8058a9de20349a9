"""Pages to look at: pictures beside what a model says of them, and tables and plots above.

A trainer writes its run's `samples.html` so:

>>> from ml.evaluation.report import Sample, write_samples
>>> write_samples(run.folder / "samples.html", [Sample(example.path, said, example.captions) for …])

For retrieval, `said` is the query and `found` the pictures that it found, best first. A page is one file without
scripts: the pictures are in it, small, so that it can be moved and sent.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path

from PIL import Image as PILImage

from ml.evaluation.pictures import load
from ml.evaluation.results import Table
from ml.files import writing

_SIDE = 360  #: pixels of a picture's longer side
_SMALL_SIDE = 120  #: of one that was found
_STYLE = """
:root { color-scheme: light dark; --line: light-dark(#d5d9de, #3a4048); --card: light-dark(#fff, #1d2126);
  --faint: light-dark(#5b6470, #9aa4b0); --right: light-dark(#1a7f37, #57c271); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 82rem; padding: 1rem; font: 16px/1.45 system-ui, sans-serif;
  background: light-dark(#f5f6f8, #14171a); color: light-dark(#1b1f24, #e6e9ed); }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 18rem), 1fr)); gap: 1rem; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; }
figure > img { display: block; width: 100%; height: 14rem; object-fit: contain; background: var(--line); }
.none { display: grid; place-items: center; height: 14rem; margin: 0; background: var(--line); color: var(--faint); }
figcaption { padding: .75rem; overflow-wrap: anywhere; }
figcaption p { margin: 0 0 .4rem; } .said { font-weight: 600; }
ul { margin: .4rem 0 0; padding-left: 1.1rem; } ul, .note, .name { color: var(--faint); font-size: .875rem; }
.found { display: grid; grid-template-columns: repeat(4, 1fr); gap: .25rem; margin-bottom: .4rem; }
.found img { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: .25rem; border: 3px solid transparent; }
.found img.right { border-color: var(--right); }
.wide { overflow-x: auto; margin-bottom: 1.5rem; } .wide > img { max-width: 100%; background: #fff; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
@media (min-width: 40rem) { td { white-space: nowrap; } }
"""


@dataclass(frozen=True)
class Found:
    """A picture that a query found."""

    path: Path
    right: bool  #: whether it is the one that the query describes


@dataclass(frozen=True)
class Sample:
    """A picture, and what a model makes of it."""

    path: Path
    said: str  #: the model's caption, or the query that should find the picture
    references: Sequence[str] = ()  #: what people say of it
    note: str = ""  #: a figure of it, in words
    found: Sequence[Found] = ()  #: what the query found, best first
    pictured: bool = True  #: False for a file that cannot be shown


def write_samples(path: Path, samples: Sequence[Sample], title: str = "Samples") -> None:
    """Write a page of pictures with what a model says of them. Raises DatasetError for an unreadable picture.

    Raises UsageError where the page cannot be written.
    """
    write_page(path, title, sections={"": samples})


def write_page(
    path: Path,
    title: str,
    *,
    tables: Sequence[Table] = (),
    notes: Sequence[str] = (),
    plot: bytes | None = None,
    sections: Mapping[str, Sequence[Sample]] | None = None,
) -> None:
    """Write a page: notes, tables, a plot (PNG), then pictures in sections by their headings; whole or not at all.

    Raises DatasetError, or UsageError where the page cannot be written.
    """
    parts = [f"<h1>{escape(title)}</h1>", *(f"<p>{escape(note)}</p>" for note in notes), *map(_table, tables)]
    if plot is not None:
        parts.append(f'<div class="wide"><img src="{_data(plot, "png")}" alt="The figures above, as plots"></div>')
    for heading, samples in (sections or {}).items():
        parts += [f"<h2>{escape(heading)}</h2>"] if heading else []
        parts.append(f'<div class="grid">{"".join(map(_figure, samples))}</div>')
    page = (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n" + "\n".join(parts) + "\n</html>\n"
    )
    with writing(path) as partial:
        partial.write_text(page, encoding="utf-8")


def _table(table: Table) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"

    body = "".join(row(cells, "td") for cells in table.rows)
    return f'<div class="wide"><table><thead>{row(table.header, "th")}</thead><tbody>{body}</tbody></table></div>'


def _figure(sample: Sample) -> str:
    found = "".join(_small(each) for each in sample.found)
    references = "".join(f"<li>{escape(text)}</li>" for text in sample.references)
    picture = (
        f'<img src="{_thumbnail(sample.path, _SIDE)}" alt="{escape(sample.said)}">'
        if sample.pictured
        else '<p class="none">no picture to show</p>'
    )
    return (
        f"<figure>{picture}<figcaption>"
        f'<p class="said">{escape(sample.said)}</p>'
        + (f'<div class="found">{found}</div>' if found else "")
        + (f'<p class="note">{escape(sample.note)}</p>' if sample.note else "")
        + f'<p class="name">{escape(sample.path.name)}</p>'
        + (f"<ul>{references}</ul>" if references else "")
        + "</figcaption></figure>"
    )


def _small(found: Found) -> str:
    which = ' class="right" alt="the right picture"' if found.right else ' alt="another picture"'
    return f'<img{which} src="{_thumbnail(found.path, _SMALL_SIDE)}">'


def _thumbnail(path: Path, side: int) -> str:
    image = load(path)
    image.thumbnail((side, side), PILImage.Resampling.LANCZOS)
    buffer = BytesIO()
    image.save(buffer, "WEBP", quality=75)
    return _data(buffer.getvalue(), "webp")


def _data(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
