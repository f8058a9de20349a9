"""What whoever has a link to an album sees, below the link's own address."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from gallery.albums import album_page
from gallery.forms_sharing import LinkPasswordForm
from gallery.links import (
    LinkAddresses,
    images_by,
    images_still_by,
    is_open,
    is_password,
    link_at,
    mark_of,
    may_try,
    originals_by,
)
from gallery.models import AlbumImage, AlbumLink, Image, Rendition
from gallery.views import media
from gallery.views.access import address_of
from gallery.views.albums import position_after
from gallery.views.archive import archive_response
from gallery.views.library import PAGE_SIZE

View = Callable[..., HttpResponseBase]

MARKS = "links"  # in the session: what is_open takes, by the links' numbers


def _by_link(view: View) -> View:
    """Give the view the link with this key. What it answers tells nobody else of the address, and is asked for anew
    each time, so that a link ends at once."""

    @wraps(view)
    def guarded(request: HttpRequest, key: str, **more: Any) -> HttpResponseBase:
        link = link_at(key=key)
        response = view(request, link, **more)
        # not "no-referrer", with which browsers send forms without their origin, and Django refuses them
        response["Referrer-Policy"] = "same-origin"
        if "no-store" not in response.get("Cache-Control", ""):
            response["Cache-Control"] = "private, no-cache"
        response["Vary"] = "Cookie"
        if not link.is_public:
            response["X-Robots-Tag"] = "noindex"
        return response

    return guarded


def _knows_password(request: HttpRequest, link: AlbumLink) -> bool:
    return is_open(link, mark=str(request.session.get(MARKS, {}).get(str(link.pk), "")) if link.password else "")


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
@_by_link
def link(request: HttpRequest, link: AlbumLink) -> HttpResponseBase:
    """The album, or first a question for the password; what somebody answers (POST)."""
    if not _knows_password(request, link):
        return _ask(request, link)
    if request.method == "POST":
        return redirect("link", link.key)
    after = position_after(request)
    page = album_page(album=link.album, after=after, size=PAGE_SIZE)
    context = {
        "album": link.album,
        "link": link,
        "addresses": LinkAddresses(link),
        "images": page.images,
        "next_cursor": page.next_cursor,
        "is_later_page": after > 0,
    }
    return render(request, "gallery/share_album.html", context)


def _ask(request: HttpRequest, link: AlbumLink) -> HttpResponseBase:
    form = LinkPasswordForm(request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST" and form.is_valid():
        address = address_of(request)
        if not may_try(link, address=address):
            form.add_error("password", _("That was tried too often. Wait a minute, then try again."))
            status = 429
        elif is_password(link, form.cleaned_data["password"], address=address):
            request.session[MARKS] = {**request.session.get(MARKS, {}), str(link.pk): mark_of(link)}
            return redirect("link", link.key)
        else:
            form.add_error("password", _("That is not the password of this link."))
    return render(request, "gallery/share_password.html", {"link": link, "form": form}, status=status)


@require_safe
@_by_link
def link_image(request: HttpRequest, link: AlbumLink, uuid: UUID) -> HttpResponseBase:
    """One picture, and the ones beside it in the album."""
    if not _knows_password(request, link):
        return redirect("link", link.key)
    images = images_by(link).select_related("owner").with_renditions().prefetch_related("stages")
    image = get_object_or_404(images, uuid=uuid)
    context: dict[str, Any] = {
        "album": link.album,
        "link": link,
        "addresses": LinkAddresses(link),
        "image": image,
        "has_original": originals_by(link).filter(pk=image.pk).exists(),
        **_beside(link, image),
    }
    return render(request, "gallery/share_image.html", context)


def _beside(link: AlbumLink, image: Image) -> dict[str, Image | None]:
    """The pictures before and behind one in the album of a link."""
    places = AlbumImage.objects.filter(album=link.album_id, image__trashed_at=None).select_related("image")
    position = places.filter(image=image).values("position")
    before = places.filter(position__lt=position).order_by("-position").first()
    behind = places.filter(position__gt=position).order_by("position").first()
    return {"newer": before.image if before else None, "older": behind.image if behind else None}


@require_safe
@_by_link
def link_rendition(request: HttpRequest, link: AlbumLink, uuid: UUID, kind: str) -> HttpResponseBase:
    """A picture as it is shown."""
    _refuse_unless_known(request, link)
    found = get_object_or_404(Rendition, image__in=images_by(link), image__uuid=uuid, kind=kind)
    return media.answer_rendition(request, found)


@require_safe
@_by_link
def link_original(request: HttpRequest, link: AlbumLink, uuid: UUID) -> HttpResponseBase:
    """The file as it was uploaded, where whoever made the link gives theirs away."""
    _refuse_unless_known(request, link)
    return media.answer_original(request, get_object_or_404(originals_by(link), uuid=uuid))


@require_safe
@_by_link
def link_archive(request: HttpRequest, link: AlbumLink) -> HttpResponseBase:
    """All pictures of the album as one file, where the link gives originals: those of whoever made it, and the others
    as they are shown. Without their notes, which no page of a link shows."""
    if not _knows_password(request, link):
        return redirect("link", link.key)
    if not link.allows_download:
        raise Http404("The link is for looking.")
    places = AlbumImage.objects.filter(album=link.album_id, image__trashed_at=None).order_by("position")
    return archive_response(
        request,
        list(places.values_list("image_id", flat=True)),
        title=link.album.title,
        seen=partial(images_still_by, link),
        originals_of=link.created_by_id,
        columns=("title", "caption"),
    )


def _refuse_unless_known(request: HttpRequest, link: AlbumLink) -> None:
    if not _knows_password(request, link):
        raise Http404("The password is not known.")
