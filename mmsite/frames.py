"""Room for the frames of a whole request in one piece.

CPython, from 3.11 on, keeps Python's frames in chunks of 16 kB. Where a loop calls across the border of two, each call
takes a chunk from the system and each return gives it back: pages of cards, whose templates are such loops some hundred
frames deep, took up to twice the time to render. A frame that doesn't fit gets a chunk as large as the next power of
two, and those above it lie in what is left of that.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

ROOM = 64 * 1024  #: places for values, of 8 bytes: of the 1 MB chunk that it gets, as many are left; pages use a tenth


def in_one_piece(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """The outermost of middleware. What its frame has room for is never touched, and takes no memory."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    middleware.__code__ = middleware.__code__.replace(co_stacksize=ROOM)
    return middleware
