"""To how many tokens texts are padded: to few different numbers, since each that is new costs a runtime once what it
works out for it, some 3 ms (oneDNN in bfloat16, OpenVINO), and a few tokens more cost a tenth of that."""

STEP = 8


def padded(length: int, *, most: int) -> int:
    """The next multiple of STEP, or `most` where that is less."""
    return min(-(-length // STEP) * STEP, most)
