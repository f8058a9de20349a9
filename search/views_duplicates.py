"""Somebody's pictures that are nearly the same, side by side, to be cleaned up."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from functools import wraps
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import date, filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from gallery.models import Album, Image, Tag
from gallery.templatetags.gallery import camera
from gallery.trash import images_trash
from gallery.undo.images import trashed
from gallery.views.access import SignedInRequest
from gallery.views.undo import say_done
from gallery.wording import grouped
from search.duplicate_groups import Group, groups_page
from search.duplicates import near_duplicates_dismiss, progress_of
from search.forms_duplicates import GroupForm, PlaceForm
from search.models import NearDuplicate
from search.undo import duplicates_kept

Kind = NearDuplicate.Kind
# Of the words in a copy, the share that the reader may read differently; and characters that are shown of them.
MISREAD = 0.2
TEXT_SHOWN = 80
View = Callable[[SignedInRequest, GroupForm], HttpResponse]


def _of_group(view: View) -> Callable[[HttpRequest], HttpResponse]:
    """Give the view what was sent of a group. Strangers sign in and then see the page: these addresses take POST."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(reverse("duplicates"))
        form = GroupForm(request.POST)
        if not form.is_valid():
            raise Http404
        return view(cast(SignedInRequest, request), form)

    return require_POST(guarded)


@require_safe
@login_required
def duplicates(request: SignedInRequest) -> HttpResponse:
    """The groups, `?page=…`; with `&copies=on` those of copies alone."""
    form = PlaceForm(request.GET)
    if not form.is_valid():
        raise Http404
    copies = form.cleaned_data["copies"]
    page = groups_page(
        owner=request.user, kinds=[Kind.COPY] if copies else list(Kind), number=form.cleaned_data["page"]
    )
    context = {
        "page": page,
        "groups": [_shown(group) for group in page.groups],
        "copies": copies,
        "progress": progress_of(request.user),
        "previous": _address(page.number - 1, copies) if page.number > 1 else "",
        "next": _address(page.number + 1, copies) if page.number < page.pages else "",
    }
    return render(request, "search/duplicates.html", context)


@_of_group
def duplicates_keep(request: SignedInRequest, form: GroupForm) -> HttpResponse:
    """Keeps a whole group, for good."""
    images = _own(request, form.cleaned_data["group"])
    changes = duplicates_kept(near_duplicates_dismiss(owner=request.user, image_ids=[image.pk for image in images]))
    say_done(request, _("They are kept, and you won’t be asked about them again."), changes)
    return _back(form)


@_of_group
def duplicates_delete(request: SignedInRequest, form: GroupForm) -> HttpResponse:
    """Moves the ticked pictures of a group to the trash."""
    images = _own(request, form.cleaned_data["image"])
    if not images:
        messages.error(request, _("Tick the pictures to delete first."))
        return _back(form)
    number = images_trash(images=images, by=request.user)
    staying = set(form.cleaned_data["group"]) - {image.uuid for image in images}
    sentence = ngettext("%(number)s picture moved to the trash.", "%(number)s pictures moved to the trash.", number) % {
        "number": grouped(number)
    }
    if not _own(request, staying):
        sentence += " " + _("That was every picture of the group: none of them stays.")
    say_done(request, sentence, trashed(image.pk for image in images))
    return _back(form)


def _own(request: SignedInRequest, uuids: Collection[UUID]) -> list[Image]:
    """Those of the pictures that are there and the caller's."""
    images = Image.objects.filter(owner=request.user, uuid__in=uuids).with_renditions()
    return list(images.prefetch_related("tags", "albums").order_by("pk"))


def _back(form: GroupForm) -> HttpResponse:
    return redirect(_address_of(form))


def _address_of(form: GroupForm) -> str:
    return _address(form.cleaned_data["page"], form.cleaned_data["copies"])


def _address(page: int, copies: bool) -> str:
    parameters = ({"page": page} if page > 1 else {}) | ({"copies": "on"} if copies else {})
    return f"{reverse('duplicates')}?{urlencode(parameters)}" if parameters else reverse("duplicates")


def _shown(group: Group) -> dict[str, Any]:
    """A group as the page shows it: of each picture only the facts that not all of them share."""
    images = [group.best, *(image for image, _ in group.others)]
    kinds = [None, *(kind for _, kind in group.others)]
    facts = [_facts(image) for image in images]
    telling = [label for label in facts[0] if len({each[label] for each in facts}) > 1]
    members = [
        {
            "image": image,
            "is_best": kind is None,
            "is_copy": kind == Kind.COPY and _says_no_more(image, group.best),
            "facts": [(label, fact[label]) for label in telling],
        }
        for image, kind, fact in zip(images, kinds, facts, strict=True)
    ]
    return {"are_copies": all(member["is_best"] or member["is_copy"] for member in members), "members": members}


def _says_no_more(image: Image, best: Image) -> bool:
    """Whether what can be read in a picture can be read in the best one too, but for what the reader gets wrong: pages
    of one letter look alike, and none is a copy of the other."""
    words, known = (set(each.text_in_picture.lower().split()) for each in (image, best))
    return len(words - known) <= MISREAD * len(words)


def _facts(image: Image) -> dict[str, str]:
    """What may tell a picture from its copies."""
    return {
        _("Size"): f"{grouped(image.width)} × {grouped(image.height)}",
        _("Bytes"): filesizeformat(image.byte_size),
        _("Format"): _format(image),
        _("Taken"): _moment(image.taken_at) if image.taken_at else _("unknown"),
        _("Uploaded"): _moment(image.uploaded_at),
        _("Camera"): camera(image) or _("unknown"),
        _("Seen by"): image.get_visibility_display(),
        _("Caption"): _caption(image),
        _("Text in it"): Truncator(" ".join(image.text_in_picture.split())).chars(TEXT_SHOWN) or _("none"),
        _("Tags"): _names(image.tags.all()),
        _("Albums"): _names(image.albums.all()),
        _("File"): image.file_name,
    }


def _names(of: Iterable[Tag | Album]) -> str:
    return ", ".join(sorted(map(str, of))) or _("none")


def _moment(moment: datetime) -> str:
    return date(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")


def _format(image: Image) -> str:
    if image.frames == 1:
        return image.format
    return _("%(format)s, %(frames)s frames") % {"format": image.format, "frames": grouped(image.frames)}


def _caption(image: Image) -> str:
    if not image.description_by_person:
        return _("not written by a person")
    return _("“%(caption)s”, by a person") % {"caption": image.description}
