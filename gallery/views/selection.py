"""What people do with many of their pictures at once: the form around a grid sends them here."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from gallery.albums import album_add, album_create, album_remove
from gallery.favourites import favourites_add, favourites_remove
from gallery.forms import SelectionForm, mistakes
from gallery.models import Album, Image, ImageQuerySet, User, Visibility
from gallery.permissions import MANAGE, album_role, is_at_least
from gallery.pipeline import get_pipeline
from gallery.services import images_set_visibility
from gallery.tags import images_tag, images_untag, tags_of
from gallery.trash import images_trash
from gallery.undo import Change
from gallery.undo.albums import added_to_album, taken_out_of_album
from gallery.undo.images import favoured, shown_to, trashed, unfavoured
from gallery.undo.tags import tagged, untagged
from gallery.views.access import SignedInRequest, came_from, sign_in_required, wants_json
from gallery.views.undo import say_done, undo_of
from gallery.wording import grouped

# The sentence that tells of what was done, and what changed by it.
Done = tuple[str, Sequence[Change]]
# What is done, given what was said in the form.
Deed = Callable[[SignedInRequest, dict[str, Any], ImageQuerySet], Done]


class Chosen(NamedTuple):
    """The selected pictures with which the caller may do what was asked; `left_out`: those that only others may."""

    images: ImageQuerySet
    left_out: list[UUID]


@require_http_methods(["GET", "HEAD", "POST"])
def selection(request: HttpRequest) -> HttpResponseBase:
    """Does something with the selected pictures; those that are not there or not the caller's are left out.

    Scripts get `{"message": …}`, and `undo`, an address to post to, where something changed, `left_out`, which pictures
    are not the caller's, and `next`, an address to go to, where it goes on there; with status 400 where nothing was
    done. Without a script, a page then has the selected pictures still selected.

    GET: the same page without pictures. Scripts take from it which tags and albums there are.
    """
    if request.user.is_authenticated or wants_json(request):
        return _selection(request)
    return redirect_to_login(came_from(request))


@sign_in_required
def _selection(request: SignedInRequest) -> HttpResponse:
    if request.method != "POST":
        return _page(request)
    form = SelectionForm(request.POST, owner=request.user)
    if not form.is_valid():
        return _refusal(request, form, mistakes(form))
    said = form.cleaned_data
    chosen = _chosen(request.user, said)
    if not chosen.images.exists():
        none = _("Select some pictures first.") if said["do"] in FOR_ALL else _("Select some pictures of yours first.")
        return _refusal(request, form, none)
    return _answer(request, form, *DEEDS[said["do"]](request, said, chosen.images), chosen.left_out)


def _chosen(person: User, said: dict[str, Any]) -> Chosen:
    images = Image.objects.filter(uuid__in=said["image"])
    if said["do"] in FOR_ALL:
        return Chosen(images.reachable_by(person), [])
    if said["do"] == "out" and is_at_least(album_role(viewer=person, album=said["within"]), MANAGE):
        return Chosen(images.filter(albums=said["within"]), [])
    others = images.reachable_by(person).exclude(owner=person)
    return Chosen(images.filter(owner=person), list(others.values_list("uuid", flat=True)))


def _tag(request: SignedInRequest, said: dict[str, Any], images: ImageQuerySet) -> Done:
    tags = images_tag(owner=request.user, images=images, names=said["tags"])
    number = images.count()
    sentence = ngettext("%(number)s picture tagged: %(tags)s.", "%(number)s pictures tagged: %(tags)s.", number) % {
        "number": grouped(number),
        "tags": ", ".join(said["tags"]),
    }
    return sentence, tagged(tags)


def _untag(request: SignedInRequest, said: dict[str, Any], images: ImageQuerySet) -> Done:
    lost = {name: images_untag(owner=request.user, images=images, name=name) for name in said["tags"]}
    number = len(set().union(*lost.values()))
    if not number:
        return _("None of them has such a tag."), []
    off = {name: ids for name, ids in lost.items() if ids}
    sentence = ngettext(
        "Taken off %(number)s picture: %(tags)s.", "Taken off %(number)s pictures: %(tags)s.", number
    ) % {"number": grouped(number), "tags": ", ".join(off)}
    return sentence, [change for name, ids in off.items() for change in untagged(name, ids)]


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


def _unfavourite(request: SignedInRequest, said: dict[str, Any], images: ImageQuerySet) -> Done:
    lost = favourites_remove(person=request.user, images=images)
    if not lost:
        return _("None of them was among your favourites."), []
    number = len(lost)
    sentence = ngettext(
        "%(number)s picture no longer among your favourites.",
        "%(number)s pictures no longer among your favourites.",
        number,
    ) % {"number": grouped(number)}
    return sentence, unfavoured(lost)


def _visibility(request: SignedInRequest, said: dict[str, Any], images: ImageQuerySet) -> Done:
    visibility = Visibility(said["visibility"])
    before = images_set_visibility(images=images, visibility=visibility)
    number = sum(map(len, before.values()))
    if not number:
        return _("That is so for all of them already. %(visibility)s.") % {"visibility": visibility.label}, []
    sentence = ngettext(
        "Who may see %(number)s picture has changed. %(visibility)s.",
        "Who may see %(number)s pictures has changed. %(visibility)s.",
        number,
    ) % {"number": grouped(number), "visibility": visibility.label}
    return sentence, shown_to(before, after=visibility)


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
    "untag": _untag,
    "album": _album,
    "share": _album,  # and then to the page that shares it
    "favourite": _favourite,
    "unfavourite": _unfavourite,
    "visibility": _visibility,
    "describe": _describe,
    "out": _out,
    "delete": _delete,
}
FOR_ALL = {"favourite", "unfavourite"}  # done with whatever one may look at


def _answer(
    request: HttpRequest, form: SelectionForm, sentence: str, changes: Sequence[Change], left_out: Sequence[UUID]
) -> HttpResponse:
    if left_out:
        sentence = f"{sentence} {_others_left_out(len(left_out))}"
    following = _sharing(request, form)
    if wants_json(request) and not following:
        return JsonResponse({"message": sentence, "left_out": left_out} | undo_of(request, changes))
    say_done(request, sentence, changes)
    if wants_json(request):
        return JsonResponse({"message": sentence, "next": following})
    return redirect(following or _back(request, form))


def _others_left_out(number: int) -> str:
    return ngettext(
        "%(number)s was left out: it is not yours.", "%(number)s were left out: they are not yours.", number
    ) % {"number": grouped(number)}


def _refusal(request: SignedInRequest, form: SelectionForm, sentence: str) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"message": sentence}, status=400)
    messages.error(request, sentence)
    found = Image.objects.reachable_by(request.user).filter(uuid__in=form.cleaned_data.get("image", []))
    images = list(found.newest_first().with_renditions().prefetch_related("stages"))
    if not images:
        return redirect(_back(request, form))
    more = {"images": images, "album": form.cleaned_data.get("within"), "next": _back(request, form)}
    return _page(request, status=400, **more)


def _page(request: SignedInRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    """The bar with all that it offers: in `images`, the pictures that are selected."""
    context = {
        "is_selectable": True,
        "own_tags": tags_of(request.user),
        "own_albums": Album.objects.addable_by(request.user).last_changed_first(),
        **more,
    }
    return render(request, "gallery/selection.html", context, status=status)


def _sharing(request: HttpRequest, form: SelectionForm) -> str:
    """The page that shares the album that the pictures were put in, if that was asked for; "" else."""
    album = form.cleaned_data.get("album")
    if form.cleaned_data.get("do") != "share" or album is None:
        return ""
    if not is_at_least(album_role(viewer=request.user, album=album), MANAGE):
        return str(album.get_absolute_url())
    return reverse("album-share", args=[album.uuid])


def _back(request: HttpRequest, form: SelectionForm) -> str:
    """The page of the grid."""
    album = form.cleaned_data.get("within")
    return came_from(request) if "next" in request.POST or not album else str(album.get_absolute_url())
