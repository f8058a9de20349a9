"""What processes keep of the memory that they freed, by the resident memory that Linux counts."""

import os
import platform
import subprocess
import sys

import pytest
from django.conf import settings

from mmsite import allocator

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has other ways")

RESIDENT = """
from pathlib import Path
from mmsite import allocator
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 // 1_000_000
"""
# Pieces as large as those of a text reader, and small ones that come to lie behind each, and stay.
LARGE_PIECES = """
large = bytearray(20_000_000)
before, small = resident(), []
for _ in range(5):
    del large
    large = [bytearray(20_000_000), bytearray(20_000_000)]
    small.append(bytearray(100_000))
del large
print(resident() - before)
"""
HOLES = """
before = resident()
small = [bytearray(10_000) for _ in range(10_000)]
del small[1::2], small[1::2], small[1::2]
kept = resident() - before
allocator.trim()
print(kept - (resident() - before))
"""


def _said(code: str, variables: dict[str, str]) -> int:
    """Megabytes, as a process of its own prints them."""
    run = subprocess.run(
        [sys.executable, "-c", RESIDENT + code],
        cwd=settings.BASE_DIR,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(run.stdout)


def test_what_large_pieces_took_goes_back_at_once() -> None:
    assert _said(LARGE_PIECES, allocator.ENVIRONMENT) < -10


def test_holes_go_back_when_asked() -> None:
    assert _said(HOLES, {}) > 40
