"""What people do with many of their pictures at once: the form around a grid sends them here."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from gallery.albums import album_add, album_create, album_remove
from gallery.favourites import favourites_add
from gallery.forms import SelectionForm, mistakes
from gallery.models import Image, ImageQuerySet
from gallery.permissions import MANAGE, album_role, is_at_least
from gallery.pipeline import get_pipeline
from gallery.tags import images_tag
from gallery.trash import images_trash
from gallery.undo import Change, remember
from gallery.undo.albums import added_to_album, taken_out_of_album
from gallery.undo.images import favoured, trashed
from gallery.undo.tags import tagged
from gallery.views.access import SignedInRequest, sign_in_required, wants_json
from gallery.views.undo import say_done
from gallery.wording import grouped

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
        return _answer(request, form, _("Select some pictures of yours first."), is_error=True)
    return _answer(request, form, *DEEDS[said["do"]](request, said, images))


def _tag(request: SignedInRequest, said: dict[str, Any], images: ImageQuerySet) -> Done:
    tags = images_tag(owner=request.user, images=images, names=said["tags"])
    number = images.count()
    sentence = ngettext("%(number)s picture tagged: %(tags)s.", "%(number)s pictures tagged: %(tags)s.", number) % {
        "number": grouped(number),
        "tags": ", ".join(said["tags"]),
    }
    return sentence, tagged(tags)


def _album(request: SignedInRequest, said: dict[str, Any], images: ImageQuerySet) -> Done:
    is_new = not said["album"]
    album = said["album"] = said["album"] or album_create(owner=request.user, title=said["title"])
    added = album_add(album=album, images=images, by=request.user)
    if not added:
        return _("All of them were in “%(album)s” already.") % {"album": album}, []
    changes = added_to_album(album, added, is_new=is_new)
    number = len(added)
    sentence = ngettext(
        "%(number)s picture added to “%(album)s”.", "%(number)s pictures added to “%(album)s”.", number
    ) % {"number": grouped(number), "album": album}
    return sentence, changes


def _favourite(request: SignedInRequest, said: dict[str, Any], images: ImageQuerySet) -> Done:
    added = favourites_add(person=request.user, images=images)
    number = images.count()
    sentence = ngettext(
        "%(number)s picture among your favourites.", "%(number)s pictures among your favourites.", number
    ) % {"number": grouped(number)}
    return sentence, favoured(added)


def _describe(request: SignedInRequest, said: dict[str, Any], images: ImageQuerySet) -> Done:
    """Nothing to undo: what is said then stands beside what was said."""
    ids = list(images.values_list("pk", flat=True))
    number = get_pipeline().describe_again(image_ids=ids, by=said["by"])
    if not number:
        return _("%(describer)s has described all of them already, or is about to.") % {"describer": said["by"]}, []
    sentence = ngettext(
        "%(number)s picture will be described by %(describer)s.",
        "%(number)s pictures will be described by %(describer)s.",
        number,
    ) % {"number": grouped(number), "describer": said["by"]}
    return sentence, []


def _out(request: SignedInRequest, said: dict[str, Any], images: ImageQuerySet) -> Done:
    album = said["within"]
    removal = album_remove(album=album, images=images, by=request.user)
    number = len(removal.positions)
    sentence = ngettext(
        "%(number)s picture taken out of “%(album)s”.", "%(number)s pictures taken out of “%(album)s”.", number
    ) % {"number": grouped(number), "album": album}
    return sentence, taken_out_of_album(album, removal)


def _delete(request: SignedInRequest, said: dict[str, Any], images: ImageQuerySet) -> Done:
    found = list(images)
    number = images_trash(images=found, by=request.user)
    sentence = ngettext("%(number)s picture moved to the trash.", "%(number)s pictures moved to the trash.", number) % {
        "number": grouped(number)
    }
    return sentence, trashed(image.pk for image in found)


DEEDS: dict[str, Deed] = {
    "tag": _tag,
    "album": _album,
    "share": _album,  # and then to the page that shares it
    "favourite": _favourite,
    "describe": _describe,
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
