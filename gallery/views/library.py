"""Grids of pictures, newest first."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gallery.models import Image, ImageQuerySet, Visibility
from gallery.selectors import images_page

PAGE_SIZE = 60


@require_safe
def library(request: HttpRequest) -> HttpResponse:
    """One's own pictures; for strangers the public ones and an invitation."""
    if request.user.is_authenticated:
        return _grid(request, Image.objects.filter(owner=request.user), heading="Your library", is_library=True)
    return public(request)


@require_safe
def public(request: HttpRequest) -> HttpResponse:
    """Everybody's public pictures."""
    return _grid(request, Image.objects.filter(visibility=Visibility.PUBLIC), heading="Public pictures")


def _grid(request: HttpRequest, images: ImageQuerySet, *, heading: str, is_library: bool = False) -> HttpResponse:
    cursor = request.GET.get("after")
    page = images_page(images=images, cursor=cursor, size=PAGE_SIZE)
    context = {
        "heading": heading,
        "is_library": is_library,
        "is_later_page": cursor is not None,
        "images": page.images,
        "next_cursor": page.next_cursor,
    }
    return render(request, "gallery/library.html", context)
