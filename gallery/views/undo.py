"""Taking back what was just done, and how the pages that did it offer that."""

from collections.abc import Collection

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from gallery.exceptions import NothingToUndo
from gallery.undo import MESSAGE_TAG, Change, remember
from gallery.undo import undo as undo_by_name
from gallery.views.access import SignedInRequest, came_from, sign_in_required, wants_json


def say_done(request: HttpRequest, sentence: str, changes: Collection[Change]) -> None:
    """A message on the next page, with an Undo button where anything changed."""
    name = remember(request.session, changes)
    messages.success(request, sentence, extra_tags=f"{MESSAGE_TAG}{name}" if name else "")


def undo_of(request: HttpRequest, changes: Collection[Change]) -> dict[str, str]:
    """What a script's answer has besides: `{"undo": address to post to}` where anything changed, else nothing."""
    name = remember(request.session, changes)
    return {"undo": reverse("undo", args=[name])} if name else {}


@require_POST
def undo(request: HttpRequest, name: str) -> HttpResponseBase:
    """Takes something back, once. Scripts get `{"message": …}`, with status 400 where there was nothing to undo."""
    if request.user.is_authenticated or wants_json(request):
        return _undo(request, name)
    return redirect_to_login(reverse("library"))


@sign_in_required
def _undo(request: SignedInRequest, name: str) -> HttpResponse:
    try:
        sentence, is_error = undo_by_name(request.session, name=name, person=request.user), False
    except NothingToUndo as nothing:
        sentence, is_error = str(nothing), True
    if wants_json(request):
        return JsonResponse({"message": sentence}, status=400 if is_error else 200)
    (messages.error if is_error else messages.success)(request, sentence)
    return redirect(came_from(request))
