"""What people do with many of their pictures at once: the form around a grid sends them here."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from gallery.albums import album_add, album_create, album_remove
from gallery.favourites import favourites_add
from gallery.forms import SelectionForm, mistakes
from gallery.models import Image, ImageQuerySet
from gallery.services import images_delete
from gallery.tags import images_tag
from gallery.views.access import SignedInRequest, sign_in_required, wants_json

# What is done, given what was said in the form, and the sentence that tells of it.
Deed = Callable[[SignedInRequest, dict[str, Any], ImageQuerySet], str]


@require_POST
def selection(request: HttpRequest) -> HttpResponseBase:
    """Does something with the selected pictures; those that are not there or not the caller's are left out.

    Scripts get `{"message": …}`, with status 400 where nothing was done.
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
    images = Image.objects.filter(owner=request.user, uuid__in=said["image"])
    if not images.exists():
        return _answer(request, form, "Select some pictures of yours first.", is_error=True)
    if said["do"] == "delete" and not said["sure"]:
        return _ask(request, form, images)
    return _answer(request, form, DEEDS[said["do"]](request, said, images))


def _tag(request: SignedInRequest, said: dict[str, Any], images: ImageQuerySet) -> str:
    images_tag(owner=request.user, images=images, names=said["tags"])
    return f"{_pictures(images.count())} tagged: {', '.join(said['tags'])}."


def _album(request: SignedInRequest, said: dict[str, Any], images: ImageQuerySet) -> str:
    album = said["album"] or album_create(owner=request.user, title=said["title"])
    number = len(album_add(album=album, images=images))
    return f"{_pictures(number)} added to “{album}”." if number else f"All of them were in “{album}” already."


def _favourite(request: SignedInRequest, said: dict[str, Any], images: ImageQuerySet) -> str:
    favourites_add(person=request.user, images=images)
    return f"{_pictures(images.count())} among your favourites."


def _out(request: SignedInRequest, said: dict[str, Any], images: ImageQuerySet) -> str:
    removal = album_remove(album=said["within"], images=images)
    return f"{_pictures(len(removal.positions))} taken out of “{said['within']}”."


def _delete(request: SignedInRequest, said: dict[str, Any], images: ImageQuerySet) -> str:
    return f"{_pictures(images_delete(images=images))} deleted."


DEEDS: dict[str, Deed] = {"tag": _tag, "album": _album, "favourite": _favourite, "out": _out, "delete": _delete}


def _ask(request: HttpRequest, form: SelectionForm, images: ImageQuerySet) -> HttpResponse:
    """Whether all of them are really to be deleted, and what would go with them."""
    context = {
        "images": images.newest_first().with_renditions(),
        "described": images.described_by_person().count(),
        "back": _back(form),
        "within": form.cleaned_data["within"],
    }
    return render(request, "gallery/selection_delete.html", context)


def _answer(request: HttpRequest, form: SelectionForm, sentence: str, *, is_error: bool = False) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"message": sentence}, status=400 if is_error else 200)
    (messages.error if is_error else messages.success)(request, sentence)
    return redirect(_back(form))


def _back(form: SelectionForm) -> str:
    """The page of the grid."""
    album = form.cleaned_data.get("within")
    return album.get_absolute_url() if album else reverse("library")


def _pictures(number: int) -> str:
    return f"{number} picture{'' if number == 1 else 's'}"
