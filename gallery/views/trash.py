"""The trash: what lies in it, and taking pictures out of it, back or for good."""

from collections.abc import Sequence

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gallery.albums_deleted import deleted_albums_of
from gallery.forms import TrashForm, mistakes
from gallery.models import ImageQuerySet
from gallery.numbers import whole
from gallery.purge import trash_empty, trash_purge
from gallery.trash import goes_at, images_restore, purged_at, trash_of, trash_page
from gallery.undo import Change
from gallery.undo.trash import restored
from gallery.views.access import SignedInRequest, sign_in_required, wants_json
from gallery.views.undo import say_done, undo_of
from gallery.wording import grouped

PAGE_SIZE = 60
MOST_DIGITS = 6  # of a page's number
MOST_ALBUMS = 100  # that are listed; others go by emptying, or by time
THUMBS = 60  # that a question shows at most


@require_safe
@login_required
def trash(request: SignedInRequest) -> HttpResponse:
    number = whole(request.GET.get("page", ""), digits=MOST_DIGITS)
    page = trash_page(owner=request.user, number=1 if number is None else number, size=PAGE_SIZE)
    context = {
        "page": page,
        "images": [(image, purged_at(image)) for image in page.images],
        "albums": [(album, goes_at(album.deleted_at)) for album in deleted_albums_of(request.user)[:MOST_ALBUMS]],
        "days": settings.TRASH_DAYS,
    }
    return render(request, "gallery/trash.html", context)


@require_POST
def trash_selection(request: HttpRequest) -> HttpResponseBase:
    """Restores the selected pictures, or deletes them for good after asking; others than the caller's are left out.

    Scripts get `{"message": …}`, and `undo`, an address to post to, where something came back; with status 400 where
    nothing was done.
    """
    if request.user.is_authenticated or wants_json(request):
        return _trash_selection(request)
    return redirect_to_login(reverse("trash"))


@sign_in_required
def _trash_selection(request: SignedInRequest) -> HttpResponse:
    form = TrashForm(request.POST)
    if not form.is_valid():
        return _answer(request, mistakes(form), is_error=True)
    said = form.cleaned_data
    images = trash_of(request.user).filter(uuid__in=said["image"])
    if not images.exists():
        return _answer(request, _("Select some pictures in your trash first."), is_error=True)
    if said["do"] == "restore":
        found = list(images)
        number = images_restore(images=found, by=request.user)
        return _answer(
            request,
            ngettext("%(number)s picture back in your library.", "%(number)s pictures back in your library.", number)
            % {"number": grouped(number)},
            restored(image.pk for image in found),
        )
    if not said["sure"]:
        return _ask(request, images, is_all=False)
    number = trash_purge(owner=request.user, images=images)
    return _answer(
        request,
        ngettext("%(number)s picture deleted for good.", "%(number)s pictures deleted for good.", number)
        % {"number": grouped(number)},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def empty(request: SignedInRequest) -> HttpResponse:
    """Asks first (GET), then deletes what lies in the trash for good (POST)."""
    if request.method != "POST":
        return _ask(request, trash_of(request.user), is_all=True)
    number = trash_empty(owner=request.user)
    left = trash_of(request.user).count()
    if left:
        sentence = ngettext(
            "%(number)s picture deleted for good. %(left)s are left: empty the trash again.",
            "%(number)s pictures deleted for good. %(left)s are left: empty the trash again.",
            number,
        ) % {"number": grouped(number), "left": grouped(left)}
        messages.warning(request, sentence)
    else:
        sentence = ngettext(
            "The trash is empty: %(number)s picture deleted for good.",
            "The trash is empty: %(number)s pictures deleted for good.",
            number,
        ) % {"number": grouped(number)}
        messages.success(request, sentence)
    return redirect("trash")


def _ask(request: SignedInRequest, images: ImageQuerySet, *, is_all: bool) -> HttpResponse:
    """Whether all of them are really to go, and what would go with them."""
    number = images.count()
    context = {
        "images": images.with_renditions()[: THUMBS if is_all else TrashForm.MOST],
        "number": number,
        "more": max(0, number - THUMBS) if is_all else 0,
        "described": images.described_by_person().count(),
        "albums": deleted_albums_of(request.user).count() if is_all else 0,
        "is_all": is_all,
    }
    return render(request, "gallery/trash_purge.html", context)


def _answer(
    request: HttpRequest, sentence: str, changes: Sequence[Change] = (), *, is_error: bool = False
) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"message": sentence} | undo_of(request, changes), status=400 if is_error else 200)
    if is_error:
        messages.error(request, sentence)
    else:
        say_done(request, sentence, changes)
    return redirect("trash")
