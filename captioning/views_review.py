"""Checking captions one after the other: approve, correct or reject what models say of one's own pictures."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from captioning import services
from captioning.exceptions import CaptioningError
from captioning.forms import PlaceForm, ReviewForm
from captioning.models import Caption
from captioning.selectors import review_step
from captioning.undo import captions_watched, last_done
from gallery.forms import mistakes
from gallery.models import User
from gallery.undo import remember
from gallery.views.access import SignedInRequest
from gallery.wording import grouped


@require_safe
@never_cache
@login_required
def review(request: SignedInRequest) -> HttpResponse:
    """The next caption to check. Its address says where one is, so that going back, and on another day, work."""
    form = PlaceForm(request.GET, captions=_own(request.user))
    form.is_valid()  # whatever names no place begins at the front
    place = form.cleaned_data
    after, done = place.get("after"), place.get("done") or 0
    step = review_step(owner=request.user, at=place.get("at"), after=after)
    is_judged = after is not None and _is_judged(after)
    total = done + step.left
    context = {
        "step": step,
        "number": done + 1,
        "total": grouped(total, is_exact=step.is_left_exact),
        "most": total,
        "done": done,
        "before": after,
        "is_judged": is_judged,
        "undo": last_done(request.session, image_id=after.image_id) if after and is_judged else "",
        "longest": Caption.LONGEST,
        "back": _address(at=after.pk, done=max(0, done - 1)) if after else "",
        "skip": _address(after=step.caption.pk, done=done + 1) if step.caption else "",
    }
    return render(request, "captioning/review.html", context)


@require_POST
def judge(request: HttpRequest) -> HttpResponse:
    """Approves, corrects or rejects a caption and goes on to the next, whose page offers to undo that."""
    if not request.user.is_authenticated:
        return redirect_to_login(reverse("review"))
    form = ReviewForm(request.POST, captions=_own(request.user))
    form.is_valid()
    said: dict[str, Any] = form.cleaned_data
    if "caption" not in said or "do" not in said:
        raise Http404("No such caption.")
    caption, done = said["caption"], said.get("done") or 0
    if form.errors:
        messages.error(request, mistakes(form))
        return _go(at=caption.pk, done=done)
    try:
        with captions_watched(caption.image_id) as changes:
            _judge(caption, request.user, said)
    except CaptioningError as problem:
        messages.error(request, str(problem) + " " + _("Look at it again."))
        return _go(at=caption.pk, done=done)
    if changes:
        remember(request.session, changes)
    return _go(after=caption.pk, done=done + 1)


def _judge(caption: Caption, person: User, said: dict[str, Any]) -> None:
    """Raises CaptionChanged or BadCaption."""
    if said["do"] == "reject":
        services.caption_reject(caption=caption, person=person, before=said["before"])
    else:
        services.caption_write_by_person(
            image_id=caption.image_id, author=person, text=said["text"], before=said["before"]
        )


def _own(owner: User) -> QuerySet[Caption]:
    return Caption.objects.filter(
        image__owner=owner, image__trashed_at=None, source=Caption.Source.MODEL
    ).select_related("image")


def _is_judged(caption: Caption) -> bool:
    return caption.review != Caption.Review.OPEN or caption.image.description_by_person


def _address(**place: int) -> str:
    return f"{reverse('review')}?{urlencode(place)}"


def _go(**place: int) -> HttpResponseRedirect:
    return redirect(_address(**place))
