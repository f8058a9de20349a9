"""`make fuzz`: what holds for any bytes, tried on bytes that are chosen by the branches that they reach (atheris).

Each target runs for so many seconds in a process of its own, and begins with what is sound. What it finds is written
into a folder, and becomes an example in test_fuzz once it is mended.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris
import django

INSTRUMENTED = ["api", "captioning", "gallery", "mmsite", "search", "PIL"]
LONGEST = 4_096  # bytes; what goes beyond is in the tests of bombs
Target = tuple[Callable[[bytes], object], list[bytes]]
"""What is tried, and what it begins with."""


def targets() -> dict[str, Target]:
    from tests.hostile import test_fuzz as fuzz
    from tests.hostile.bombs import after_soi, segment

    def query(text: bytes) -> None:
        fuzz.test_whatever_is_asked_is_understood_and_reads_the_same_again.hypothesis.inner_test(
            text.decode("utf-8", "replace")
        )

    def exif(block: bytes) -> None:
        fuzz.check_beside(after_soi(fuzz.RED, segment(0xE1, b"Exif\0\0" + block)))

    def xmp(packet: bytes) -> None:
        fuzz.test_any_xmp.hypothesis.inner_test(packet.decode("utf-8", "replace"))

    def archive(content: bytes) -> None:
        fuzz.test_any_archive.hypothesis.inner_test(content, [])

    return {
        "query": (query, [word.encode() for word in [*fuzz.WORDS, 'a "b c" -d tag:x|y ~:z before:2024-06 e^2']]),
        "exif": (exif, [_exif().removeprefix(b"Exif\0\0")]),
        "xmp": (xmp, [XMP]),
        "archive": (archive, fuzz.ARCHIVES),
        "table": (fuzz.test_any_bytes_as_a_table.hypothesis.inner_test, TABLES),
    }


NAMES = ("query", "exif", "xmp", "archive", "table")
TABLES = [b"caption,uuid\na,b\n", b'{"caption": "a"}\n']
XMP = (
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
    b"<rdf:Description xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:description><rdf:Alt>"
    b"<rdf:li xml:lang='x-default'>A boat</rdf:li></rdf:Alt></dc:description></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def _exif() -> bytes:
    from tests.gallery.making import exif_of

    gps = {1: "N", 2: (41.0, 18.0, 36.0), 3: "E", 4: (7.0, 30.0, 0.0)}
    return exif_of({0x010F: "Leica", 0x0112: 6}, {0x9003: "2024:06:01 12:00:00", 0x9011: "+02:00"}, gps).tobytes()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.fuzz_atheris", description=__doc__)
    parser.add_argument("targets", nargs="*", default=NAMES, metavar="TARGET", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--found", type=Path, default=Path("fuzz"), help="a folder for what makes a target fail")
    options = parser.parse_args()
    options.found.mkdir(exist_ok=True)
    failed = []
    for name in options.targets:
        with tempfile.TemporaryDirectory(prefix="mmsite-fuzz-") as folder:  # atheris leaves without tidying up
            asked = f"fuzz({name!r}, {options.seconds}, {str(options.found)!r})"
            command = [sys.executable, "-W", "ignore", "-c", f"from tests.hostile.fuzz_atheris import fuzz; {asked}"]
            done = subprocess.run(command, env=environment(folder), check=False)
        failed += [name] if done.returncode else []
    sys.exit(f"These fail, by what lies in {options.found}: {', '.join(failed)}" if failed else 0)


def environment(folder: str) -> dict[str, str]:
    return os.environ | {"MMSITE_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "mmsite.settings.test"}


def fuzz(name: str, seconds: int, found: str) -> None:
    """Doesn't return. Exit code 0 where nothing was found."""
    with atheris.instrument_imports(include=INSTRUMENTED):
        django.setup()
        attempt, seeds = targets()[name]
    corpus = Path(os.environ["MMSITE_DATA_DIR"], "seeds")
    corpus.mkdir()
    for number, seed in enumerate(seeds):
        (corpus / str(number)).write_bytes(seed)
    limits = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-timeout=10", "-rss_limit_mb=2048"]
    atheris.Setup([name, *limits, f"-artifact_prefix={found}/{name}-", str(corpus)], attempt)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
