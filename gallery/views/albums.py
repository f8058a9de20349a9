"""Albums: all of one's own, one of them, and what its owner does with it."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gallery.albums import (
    album_add,
    album_create,
    album_delete,
    album_move,
    album_page,
    album_place,
    album_remove,
    album_rename,
    album_set_cover,
    albums_listed,
)
from gallery.forms import AlbumForm, ArrangeForm, ImageAlbumsForm, mistakes
from gallery.models import Album, Image
from gallery.permissions import owned_album
from gallery.views.access import SignedInRequest, owner_page
from gallery.views.library import PAGE_SIZE, selection_context

MOST_DIGITS = 9  # of a position

View = Callable[[SignedInRequest, Album], HttpResponse]


def _of_album(view: View) -> Callable[[HttpRequest, UUID], HttpResponse]:
    """Give the view the caller's own album. Strangers are asked to sign in and then see the album's page."""

    @wraps(view)
    def guarded(request: HttpRequest, uuid: UUID) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(reverse("album", args=[uuid]))
        return view(cast(SignedInRequest, request), owned_album(viewer=request.user, uuid=uuid))

    return guarded


@require_safe
@login_required
def albums(request: SignedInRequest) -> HttpResponse:
    return render(request, "gallery/albums.html", {"albums": albums_listed(viewer=request.user)})


@require_POST
def create(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return redirect_to_login(reverse("albums"))
    form = AlbumForm(request.POST)
    if form.is_valid():
        return redirect(album_create(owner=request.user, title=form.cleaned_data["title"]))
    messages.error(request, mistakes(form))
    return redirect("albums")


@require_safe
@_of_album
def album(request: SignedInRequest, album: Album) -> HttpResponse:
    return render(request, "gallery/album.html", _page(request, album) | selection_context(request.user))


@require_POST
@_of_album
def rename(request: SignedInRequest, album: Album) -> HttpResponse:
    form = AlbumForm(request.POST)
    if form.is_valid():
        album_rename(album=album, title=form.cleaned_data["title"])
    else:
        messages.error(request, mistakes(form))
    return redirect(album)


@require_http_methods(["GET", "HEAD", "POST"])
@_of_album
def arrange(request: SignedInRequest, album: Album) -> HttpResponse:
    """The pictures with buttons to put them in order (GET), and what a button does (POST)."""
    if request.method != "POST":
        return render(request, "gallery/album_arrange.html", _page(request, album))
    form = ArrangeForm(request.POST)
    place = ""
    if form.is_valid():
        said = form.cleaned_data
        found = {image.uuid: image for image in album.images.filter(uuid__in=[said["image"], said["other"]])}
        if image := found.get(said["image"]):
            _do(said["do"], album, image, found.get(said["other"]))
            place = f"#{image.uuid}"
    return redirect(f"{request.get_full_path()}{place}")


def _do(deed: str, album: Album, image: Image, other: Image | None) -> None:
    if deed == "cover":
        album_set_cover(album=album, image=image)
    elif deed == "out":
        album_remove(album=album, images=Image.objects.filter(pk=image.pk))
    elif deed == "place" and other is not None:
        album_place(album=album, image=image, other=other)
    elif deed in ("earlier", "later"):
        album_move(album=album, image=image, earlier=deed == "earlier")


@require_http_methods(["GET", "HEAD", "POST"])
@_of_album
def delete(request: SignedInRequest, album: Album) -> HttpResponse:
    """Asks first (GET), then deletes (POST)."""
    if request.method != "POST":
        return render(request, "gallery/album_delete.html", {"album": album, "pictures": album.images.count()})
    album_delete(album=album)
    messages.success(request, f"The album “{album}” is deleted; its pictures stayed.")
    return redirect("albums")


@require_POST
@owner_page
def image_albums(request: SignedInRequest, image: Image) -> HttpResponse:
    """Puts a picture in an album, and takes it out of one."""
    form = ImageAlbumsForm(request.POST, owner=request.user)
    if form.is_valid():
        images = Image.objects.filter(pk=image.pk)
        if form.cleaned_data["album"]:
            album_add(album=form.cleaned_data["album"], images=images)
        if form.cleaned_data["out"]:
            album_remove(album=form.cleaned_data["out"], images=images)
    else:
        messages.error(request, mistakes(form))
    return redirect(f"{image.get_absolute_url()}#albums")


def _page(request: HttpRequest, album: Album) -> dict[str, Any]:
    cursor = request.GET.get("after", "")
    after = int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) <= MOST_DIGITS else 0
    page = album_page(album=album, after=after, size=PAGE_SIZE)
    return {
        "album": album,
        "pictures": album.images.count(),
        "images": page.images,
        "next_cursor": page.next_cursor,
        "is_later_page": after > 0,
    }
