"""What the C library keeps of memory that was freed: by itself a gigabyte after some hours, which nothing else can use.

Networks and pictures come and go in pieces of megabytes, in several threads. glibc gives each thread a heap of its own,
and after the first large piece that is freed it takes all up to that size from a heap, where it ends as holes.
"""

import ctypes
from contextlib import suppress

# For processes yet to start; only glibc knows them. What a text reader needs for a picture, pieces of up to 60 MB, goes
# back at once; smaller ones, such as a network needs all the time, are kept: asked for anew, they cost page faults.
ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(16 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
}


def trim() -> None:
    """Give back what lies free, holes too: some milliseconds, for after a piece of work and not within it."""
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
