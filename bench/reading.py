"""`python -m bench.reading`: what the text reader finds of words that were written on photos, by size, and its time.

Words in seven fonts, black or white, on real photos of 4,000 x 3,000 pixels, which are scaled down to each of SIDES and
read there, as the site does. Baseline: the side at which the site reads. `--photos FOLDER` also counts what is read in
other photos, where what has no text should give none. Prints the tables of docs/models.md.
"""

import argparse
import io
import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import mean, median

import django
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont, ImageStat

from bench.photos import photos
from ml.readers.rapidocr import LONGEST, SURE_FROM, RapidOCRReader

CANVAS = (4_000, 3_000)
SIDES = (1_000, LONGEST, 2_400, 3_200)
SIZES = (6, 8, 10, 16, 32)  # pixels of a font, on a picture whose longer side has 1,600
WORDS_A_LINE = 4
FONTS = (
    "DejaVuSans.ttf",
    "DejaVuSans-Bold.ttf",
    "DejaVuSerif.ttf",
    "DejaVuSerif-Italic.ttf",
    "DejaVuSansMono.ttf",
    "STIXGeneral.ttf",
    "STIXGeneralBol.ttf",
)
PLAIN = """\
    hotel station market street coffee open closed exit welcome library museum platform danger private beach ticket
    summer festival bakery garden school harbour church bridge river castle forest village theatre airport window
    Monday Saturday January October London Paris Vienna Lisbon 1984 2026 12:45 19.99 A40 B12 24h Wi-Fi info@example.com
"""
ACCENTED = """\
    Straße Größe München Österreich Mädchen Übung Käse Füße café château garçon œuvre forêt Noël façade españa niño
    corazón señal São ação português città perché smörgås Ångström Øresund København Łódź Kraków święto město Čeština
    žena kůň magyar őszi tűz ülés țară mașină İstanbul çarşı ağaç öğle
"""


@dataclass(frozen=True)
class Line:
    """Words that stand between two heights of a picture, in shares of it."""

    words: list[str]
    size: int
    top: float
    bottom: float


@dataclass(frozen=True)
class Written:
    """A picture and what is written on it."""

    picture: Image.Image
    lines: list[Line]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.reading", description=__doc__)
    parser.add_argument("--pictures", type=int, default=4)
    parser.add_argument("--photos", type=Path, help="a folder of JPEGs to read as well")
    parser.add_argument("--most", type=int, default=300, help="of that folder")
    parser.add_argument("--sure-from", type=float, default=SURE_FROM)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mmsite.settings.dev")
    django.setup()  # the photos are the site's samples

    reader = RapidOCRReader.load(sure_from=options.sure_from)
    print(f"{os.environ.get('OMP_NUM_THREADS') or os.cpu_count()} threads, lines from {options.sure_from} on\n")
    for title, words in (("English words and numbers", PLAIN), ("words with diacritics", ACCENTED)):
        pages = list(written(options.pictures, words.split()))
        print(f"| {title}, longer side | {' | '.join(f'{size} px' for size in SIZES)} | wrong | CPU s |")
        print("|---" * (len(SIZES) + 3) + "|")
        for side in SIDES:
            print(row(RapidOCRReader.load(longest=side, sure_from=options.sure_from), side, pages))
        print()
    plain = [Image.open(io.BytesIO(content)).convert("RGB") for content in photos(options.pictures)]
    print(f"photos of 1,600 x 1,200 without text: {told(reader, plain)}")
    if options.photos:
        paths = islice(sorted(options.photos.glob("*.jpg")), options.most)
        print(f"{options.photos.name}: {told(reader, [Image.open(path).convert('RGB') for path in paths])}")


def written(count: int, words: Sequence[str]) -> Iterator[Written]:
    """Photos with a line of each size in each font."""
    dice = random.Random(0)
    fonts = Path(get_data_path()) / "fonts" / "ttf"
    for content in photos(count):
        picture = Image.open(io.BytesIO(content)).convert("RGB").resize(CANVAS)
        lines = []
        top = 60
        for size in SIZES:
            for name in FONTS:
                pixels = size * CANVAS[0] // 1_600
                said = dice.sample(words, WORDS_A_LINE)
                font = ImageFont.truetype(fonts / name, pixels)
                draw_line(picture, (dice.randint(60, 600), top), "  ".join(said), font)
                below = top + int(pixels * 1.6)
                lines.append(Line(said, size, top / CANVAS[1], below / CANVAS[1]))
                top = below
        yield Written(picture, lines)


def draw_line(picture: Image.Image, at: tuple[int, int], text: str, font: ImageFont.FreeTypeFont) -> None:
    """Black on what is light, white on what is dark, with an edge of the other: a line may cross both."""
    pen = ImageDraw.Draw(picture)
    left, top, right, bottom = (int(edge) for edge in pen.textbbox(at, text, font))
    light = ImageStat.Stat(picture.crop((left, top, right, bottom)).convert("L")).mean[0]
    fill, edge = ("black", "white") if light > 128 else ("white", "black")
    pen.text(at, text, fill, font, stroke_width=round(font.size / 20), stroke_fill=edge)


def row(reader: RapidOCRReader, side: int, pages: Sequence[Written]) -> str:
    """The share of words found by size, that of read words which nobody wrote, and the processor's time."""
    found: Counter[int] = Counter()
    wrong = total = 0
    seconds = []
    for page in pages:
        small = page.picture.copy()
        small.thumbnail((side, side))
        started = time.process_time()
        (lines,) = reader.read([small])
        seconds.append(time.process_time() - started)
        heights = [(sum(y for _, y in line.corners) / 4, line.text) for line in lines]
        for said in page.lines:
            there = [text for height, text in heights if said.top <= height < said.bottom]
            read = Counter(" ".join(there).casefold().split())
            right = (read & Counter(word.casefold() for word in said.words)).total()
            found[said.size] += right
            wrong += read.total() - right
            total += read.total()
    each = len(pages) * len(FONTS) * WORDS_A_LINE
    shares = " | ".join(f"{found[size] / each:.0%}" for size in SIZES)
    return f"| {side:,} | {shares} | {wrong / max(total, 1):.0%} | {mean(seconds):.2f} |"


def told(reader: RapidOCRReader, pictures: Sequence[Image.Image]) -> str:
    """How long a photo takes the processor, and in how many of them what was read."""
    seconds, read = [], []
    for picture in pictures:
        started = time.process_time()
        (lines,) = reader.read([picture])
        seconds.append(time.process_time() - started)
        if lines:
            read.append(" / ".join(line.text for line in lines))
    return f"{median(seconds):.2f} CPU s each; text in {len(read)} of {len(pictures)}: {'; '.join(read) or 'none'}"


if __name__ == "__main__":
    main()
