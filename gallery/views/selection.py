"""What people do with many of their pictures at once: the form around a grid sends them here."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from gallery.albums import album_add, album_create, album_remove
from gallery.favourites import favourites_add
from gallery.forms import SelectionForm, mistakes
from gallery.models import Image, ImageQuerySet
from gallery.permissions import MANAGE, album_role, is_at_least
from gallery.tags import images_tag
from gallery.trash import images_trash
from gallery.undo import Change, added_to_album, favoured, remember, tagged, taken_out_of_album, trashed
from gallery.views.access import SignedInRequest, sign_in_required, wants_json
from gallery.views.undo import say_done

# The sentence that tells of what was done, and what changed by it.
Done = tuple[str, Sequence[Change]]
# What is done, given what was said in the form.
Deed = Callable[[SignedInRequest, dict[str, Any], ImageQuerySet], Done]


@require_POST
def selection(request: HttpRequest) -> HttpResponseBase:
    """Does something with the selected pictures; those that are not there or not the caller's are left out.

    Scripts get `{"message": …}`, and `undo`, an address to post to, where something changed, and `next`, an address to
    go to, where it goes on there; with status 400 where nothing was done.
    """
    if request.user.is_authenticated or wants_json(request):
        return _selection(request)
    return redirect_to_login(reverse("library"))


@sign_in_required
def _selection(request: SignedInRequest) -> HttpResponse:
    form = SelectionForm(request.POST, owner=request.user)
    if not form.is_valid():
        return _answer(request, form, mistakes(form), is_error=True)
    said = form.cleaned_data
    images = Image.objects.filter(uuid__in=said["image"])
    if not (said["do"] == "out" and is_at_least(album_role(viewer=request.user, album=said["within"]), MANAGE)):
        images = images.filter(owner=request.user)
    if not images.exists():
        return _answer(request, form, "Select some pictures of yours first.", is_error=True)
    return _answer(request, form, *DEEDS[said["do"]](request, said, images))


def _tag(request: SignedInRequest, said: dict[str, Any], images: ImageQuerySet) -> Done:
    tags = images_tag(owner=request.user, images=images, names=said["tags"])
    return f"{_pictures(images.count())} tagged: {', '.join(said['tags'])}.", tagged(tags)


def _album(request: SignedInRequest, said: dict[str, Any], images: ImageQuerySet) -> Done:
    is_new = not said["album"]
    album = said["album"] = said["album"] or album_create(owner=request.user, title=said["title"])
    added = album_add(album=album, images=images, by=request.user)
    if not added:
        return f"All of them were in “{album}” already.", []
    changes = added_to_album(album, added, is_new=is_new)
    return f"{_pictures(len(added))} added to “{album}”.", changes


def _favourite(request: SignedInRequest, said: dict[str, Any], images: ImageQuerySet) -> Done:
    added = favourites_add(person=request.user, images=images)
    return f"{_pictures(images.count())} among your favourites.", favoured(added)


def _out(request: SignedInRequest, said: dict[str, Any], images: ImageQuerySet) -> Done:
    album = said["within"]
    removal = album_remove(album=album, images=images)
    return f"{_pictures(len(removal.positions))} taken out of “{album}”.", taken_out_of_album(album, removal)


def _delete(request: SignedInRequest, said: dict[str, Any], images: ImageQuerySet) -> Done:
    found = list(images)
    number = images_trash(images=found, by=request.user)
    return f"{_pictures(number)} moved to the trash.", trashed(image.pk for image in found)


DEEDS: dict[str, Deed] = {
    "tag": _tag,
    "album": _album,
    "share": _album,  # and then to the page that shares it
    "favourite": _favourite,
    "out": _out,
    "delete": _delete,
}


def _answer(
    request: HttpRequest, form: SelectionForm, sentence: str, changes: Sequence[Change] = (), *, is_error: bool = False
) -> HttpResponse:
    following = "" if is_error else _sharing(request, form)
    if wants_json(request) and not following:
        undo = {"undo": reverse("undo", args=[remember(request.session, changes)])} if changes else {}
        return JsonResponse({"message": sentence} | undo, status=400 if is_error else 200)
    if is_error:
        messages.error(request, sentence)
    else:
        say_done(request, sentence, changes)
    if wants_json(request):
        return JsonResponse({"message": sentence, "next": following})
    return redirect(following or _back(form))


def _sharing(request: HttpRequest, form: SelectionForm) -> str:
    """The page that shares the album that the pictures were put in, if that was asked for; "" else."""
    album = form.cleaned_data.get("album")
    if form.cleaned_data.get("do") != "share" or album is None:
        return ""
    if not is_at_least(album_role(viewer=request.user, album=album), MANAGE):
        return str(album.get_absolute_url())
    return reverse("album-share", args=[album.uuid])


def _back(form: SelectionForm) -> str:
    """The page of the grid."""
    album = form.cleaned_data.get("within")
    return album.get_absolute_url() if album else reverse("library")


def _pictures(number: int) -> str:
    return f"{number} picture{'' if number == 1 else 's'}"
