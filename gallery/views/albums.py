"""Albums: all of one's own and those that others share, one of them, and what is done with it."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gallery.albums import (
    album_add,
    album_create,
    album_move,
    album_number,
    album_place,
    album_remove,
    album_rename,
    album_set_cover,
    albums_listed,
)
from gallery.albums import album_page as pictures_page
from gallery.albums_deleted import album_delete, album_restore, deleted_albums_of
from gallery.forms import AlbumForm, ArrangeForm, ImageAlbumsForm, mistakes
from gallery.models import Album, Image, User
from gallery.numbers import whole
from gallery.permissions import ADD, MANAGE, OWNER, VIEW, album_role, is_at_least
from gallery.undo import Change
from gallery.undo.albums import added_to_album, album_deleted, album_renamed, cover_set, moved, taken_out_of_album
from gallery.undo.trash import album_restored
from gallery.views.access import SignedInRequest, album_page, owner_page, wants_json
from gallery.views.library import PAGE_SIZE
from gallery.views.undo import say_done, undo_of
from gallery.wording import grouped

MOST_DIGITS = 9  # of a position


@require_safe
@login_required
def albums(request: SignedInRequest) -> HttpResponse:
    listed = albums_listed(viewer=request.user)
    own = [each for each in listed if each.album.owner_id == request.user.pk]
    return render(
        request, "gallery/albums.html", {"albums": own, "shared": [each for each in listed if each not in own]}
    )


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
@album_page(at_least=VIEW)
def album(request: SignedInRequest, album: Album) -> HttpResponse:
    role = album_role(viewer=request.user, album=album)
    sharing: Any = Album.objects.with_sharing().get(pk=album.pk)
    context = _page(request, album) | {
        "role": role,
        "may_add": is_at_least(role, ADD),
        "may_manage": is_at_least(role, MANAGE),
        "is_selectable": True,
        "people": sharing.people,
        "guests": sharing.guests,
    }
    return render(request, "gallery/album.html", context)


@require_POST
@album_page(at_least=MANAGE)
def rename(request: SignedInRequest, album: Album) -> HttpResponse:
    form = AlbumForm(request.POST)
    if form.is_valid():
        title = form.cleaned_data["title"]
        before = album_rename(album=album, title=title, by=request.user)
        sentence = _("The album is called “%(album)s” now.") % {"album": title}
        say_done(request, sentence, album_renamed(album, before=before, after=title))
    else:
        messages.error(request, mistakes(form))
    return redirect(album)


@require_http_methods(["GET", "HEAD", "POST"])
@album_page(at_least=MANAGE)
def arrange(request: SignedInRequest, album: Album) -> HttpResponse:
    """The pictures with buttons to put them in order (GET), and what a button does (POST).

    Scripts get `{"message": …}`, and `undo`, an address to post to, where something changed; with status 400 where
    there is no such picture in the album.
    """
    if request.method != "POST":
        return render(request, "gallery/album_arrange.html", _page(request, album))
    form = ArrangeForm(request.POST)
    done = _do(request.user, album, form.cleaned_data) if form.is_valid() else None
    if done is None:
        sentence = _("Nothing was changed: the picture is not in the album any more.")
        if wants_json(request):
            return JsonResponse({"message": sentence}, status=400)
        messages.error(request, sentence)
        return redirect(request.get_full_path())
    sentence, changes = done
    if wants_json(request):
        return JsonResponse({"message": sentence} | undo_of(request, changes))
    say_done(request, sentence, changes)
    return redirect(f"{request.get_full_path()}#{form.cleaned_data['image']}")


def _do(by: User, album: Album, said: dict[str, Any]) -> tuple[str, Sequence[Change]] | None:
    """The sentence that tells of what was done, and what changed by it; None where a picture of it isn't there."""
    found = {image.uuid: image for image in album.images.filter(uuid__in=[said["image"], said["other"]])}
    deed, image, other = said["do"], found.get(said["image"]), found.get(said["other"])
    if image is None:
        return None
    names = {"name": image.file_name, "album": album.title}
    if deed == "cover":
        cover = album_set_cover(album=album, image=image, by=by)
        return _("“%(name)s” is the cover of “%(album)s” now.") % names, cover_set(album, cover)
    if deed == "out":
        removal = album_remove(album=album, images=Image.objects.filter(pk=image.pk), by=by)
        return _("“%(name)s” is taken out of “%(album)s”.") % names, taken_out_of_album(album, removal)
    if deed == "place":
        if other is None:
            return None
        move = album_place(album=album, image=image, other=other, by=by)
    else:
        is_earlier, is_all_the_way = deed in ("first", "earlier"), deed in ("first", "last")
        move = album_move(album=album, image=image, earlier=is_earlier, all_the_way=is_all_the_way, by=by)
    at, number = map(grouped, album_number(album=album, image=image))
    return _("“%(name)s” is number %(at)s of %(number)s.") % (names | {"at": at, "number": number}), moved(album, move)


@require_POST
@album_page(at_least=OWNER)
def delete(request: SignedInRequest, album: Album) -> HttpResponse:
    """Moves the album to the trash."""
    if deleted := album_delete(album=album, by=request.user):
        sentence = _("The album “%(album)s” is in the trash, where nobody else sees it; its pictures stayed.")
        say_done(request, sentence % {"album": album}, album_deleted(deleted))
    return redirect("albums")


@require_POST
@login_required
def restore(request: SignedInRequest) -> HttpResponse:
    """Brings an album in the trash back, by its number."""
    deleted = deleted_albums_of(request.user).filter(pk=whole(request.POST.get("album", "")) or 0).first()
    album = deleted and album_restore(deleted=deleted, by=request.user)
    if not album:
        messages.error(request, _("That album is not in your trash any more."))
        return redirect("trash")
    sentence = _("The album “%(album)s” is back, for all who saw it before.") % {"album": album}
    say_done(request, sentence, album_restored(album))
    return redirect("albums")  # which is still there when it is taken back


@require_POST
@owner_page
def image_albums(request: SignedInRequest, image: Image) -> HttpResponse:
    """Puts a picture in an album, and takes it out of one."""
    form = ImageAlbumsForm(request.POST, owner=request.user)
    if form.is_valid():
        images = Image.objects.filter(pk=image.pk)
        if album := form.cleaned_data["album"]:
            changes = added_to_album(album, album_add(album=album, images=images, by=request.user))
            say_done(request, _("It is in “%(album)s” now.") % {"album": album}, changes)
        if album := form.cleaned_data["out"]:
            changes = taken_out_of_album(album, album_remove(album=album, images=images, by=request.user))
            say_done(request, _("It is taken out of “%(album)s”.") % {"album": album}, changes)
    else:
        messages.error(request, mistakes(form))
    return redirect(f"{image.get_absolute_url()}#albums")


def _page(request: HttpRequest, album: Album) -> dict[str, Any]:
    after = position_after(request)
    page = pictures_page(album=album, after=after, size=PAGE_SIZE)
    return {
        "album": album,
        "images": page.images,
        "next_cursor": page.next_cursor,
        "is_later_page": after > 0,
    }


def position_after(request: HttpRequest) -> int:
    """The position behind which a page of an album begins, as `?after=…` says; 0 at its beginning."""
    return whole(request.GET.get("after", ""), digits=MOST_DIGITS) or 0
