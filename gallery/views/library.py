"""Grids of pictures, newest first."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from gallery.links import public_albums
from gallery.models import Image, ImageQuerySet, Visibility
from gallery.selectors import cursor_before, images_page
from gallery.timeline import month_ends, timeline, timeline_of

PAGE_SIZE = 60


@require_safe
def library(request: HttpRequest) -> HttpResponse:
    """One's own pictures; for strangers the public ones and an invitation."""
    if request.user.is_authenticated:
        images = Image.objects.filter(owner=request.user)
        return _grid(request, images, heading=_("Your library"), is_library=True, timeline=timeline_of(request.user))
    return public(request)


@require_safe
def public(request: HttpRequest) -> HttpResponse:
    """Everybody's public pictures, and on the first page the public albums."""
    images = Image.objects.filter(visibility=Visibility.PUBLIC)
    albums = [] if request.GET else public_albums()
    return _grid(request, images, heading=_("Public pictures"), public_albums=albums, timeline=timeline(images))


def _grid(request: HttpRequest, images: ImageQuerySet, **more: Any) -> HttpResponse:
    """`?at=2023-07` begins with that month, `?after=…` and `?before=…` go on from a page."""
    at = request.GET.get("at", "")
    ends = month_ends(at)
    cursor = cursor_before(ends) if ends else request.GET.get("after")
    page = images_page(images=images, cursor=cursor, size=PAGE_SIZE, before=request.GET.get("before"))
    context = {
        **more,
        "is_selectable": request.user.is_authenticated,
        "by_month": True,
        "at": at if ends else "",
        "is_later_page": cursor is not None,
        "images": page.images,
        "next_cursor": page.next_cursor,
        "previous_cursor": page.previous_cursor,
    }
    return render(request, "gallery/library.html", context)
