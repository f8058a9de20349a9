"""The caption of a picture: writing it, choosing among those that there were, and what its words stand for."""

from dataclasses import replace
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.contrib import messages
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from captioning import services
from captioning.again import captions_ask
from captioning.exceptions import BadCaption, CaptionChanged, CaptioningError, NoLooks
from captioning.forms import AgainForm, CaptionForm, ChoiceForm
from captioning.models import Caption
from captioning.selectors import caption_by_describer, caption_looks
from captioning.undo import captions_watched
from gallery.forms import mistakes
from gallery.models import Image, Stage
from gallery.permissions import reachable_image
from gallery.views.access import SignedInRequest, owner_page, sign_in_required
from gallery.views.undo import say_done
from ml.errors import ModelError

CONFLICT = 409


@require_POST
@owner_page
def edit(request: SignedInRequest, image: Image) -> HttpResponse:
    """Says what a picture shows. Where its caption is no longer what the page showed, both are, to choose from."""
    form = CaptionForm(request.POST)
    text = request.POST.get("text", "")
    if not form.is_valid():
        return _edit_again(request, image, text, mistakes(form))
    said = form.cleaned_data
    try:
        with captions_watched(image.pk) as changes:
            services.caption_write_by_person(
                image_id=image.pk, author=request.user, text=said["text"], before=said["before"]
            )
    except BadCaption as problem:
        return _edit_again(request, image, text, str(problem))
    except CaptionChanged as problem:
        image.refresh_from_db(fields=["description"])
        return _edit_again(request, image, text, str(problem), is_changed=True)
    say_done(request, _("The caption is saved."), changes)
    return redirect(image)


def _edit_again(
    request: SignedInRequest, image: Image, text: str, problem: str, *, is_changed: bool = False
) -> HttpResponse:
    context = {
        "image": image,
        "text": text,
        "before": image.description if is_changed else request.POST.get("before", ""),
        "problem": problem,
        "is_changed": is_changed,
        "longest": Caption.LONGEST,
    }
    return render(request, "captioning/edit.html", context, status=CONFLICT if is_changed else 200)


@require_POST
@owner_page
def choose(request: SignedInRequest, image: Image) -> HttpResponse:
    """Makes a caption of the history current again, or the describer's latest."""
    form = ChoiceForm(request.POST, captions=image.captions.all())
    if not form.is_valid():
        raise Http404("No such caption.")
    chosen, before = form.cleaned_data["caption"], form.cleaned_data["before"]
    try:
        if chosen is not None:
            with captions_watched(image.pk) as changes:
                services.caption_choose(caption=chosen, person=request.user, before=before)
            say_done(request, _("The picture has that caption now."), changes)
        elif (by_describer := caption_by_describer(image)) is not None:
            with captions_watched(image.pk) as changes:
                services.caption_reopen(caption=by_describer, before=before)
            say_done(request, _("The picture has the describer's caption now."), changes)
    except CaptioningError as problem:
        messages.error(request, str(problem) + " " + _("Look at it again."))
    return redirect(image)


@require_POST
@owner_page
def again(request: SignedInRequest, image: Image) -> HttpResponse:
    """Has the picture described by another captioner, or by the site's own where it hasn't yet, or by one that begins
    with words of one's own, to compare."""
    form = AgainForm(request.POST)
    if not form.is_valid():
        messages.error(request, mistakes(form))
        return redirect(image)
    describer = replace(form.cleaned_data["by"], begin=form.cleaned_data["begin"])
    if captions_ask(image_ids=[image.pk], describer=describer, priority=Stage.Priority.INTERACTIVE):
        sentence = _("%(describer)s is asked to describe it. What it says will stand below, to choose from.")
    else:
        sentence = _("%(describer)s has described it already, or is about to.")
    messages.success(request, sentence % {"describer": describer.label})
    return redirect(image)


@require_safe
@never_cache
@sign_in_required
def looks(request: SignedInRequest, uuid: UUID) -> JsonResponse:
    """Where the captioner looked for each word of a picture's caption, for static/js/looks.js.

    Of each of the `words` a grid of `values` from 0 to 1 in reading order, or status 404 and a `message`. For people
    who have signed in, as all that encodes a picture.
    """
    image = reachable_image(viewer=request.user, uuid=uuid)
    try:
        found = caption_looks(image=image)
    except (NoLooks, ModelError) as reason:
        return JsonResponse({"message": str(reason)}, status=404)
    rows, columns = found[0].attention.shape
    words = [{"word": look.word, "values": _shares(look.attention / look.attention.max())} for look in found]
    return JsonResponse({"rows": rows, "columns": columns, "words": words})


def _shares(grid: npt.NDArray[np.float32]) -> list[float]:
    return [round(float(value), 3) for value in grid.flat]
