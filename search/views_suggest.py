"""What the search box suggests, and the searches that people keep."""

from collections.abc import Callable
from functools import wraps
from typing import cast
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from gallery.numbers import whole
from gallery.views.access import SignedInRequest
from gallery.views.undo import say_done
from search.exceptions import SearchNotSaved
from search.saved import search_delete, search_save, searches_forget
from search.suggest import suggestions
from search.undo import search_deleted


def _signed_in(view: Callable[[SignedInRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Others sign in and then see the search: the address itself only takes POST."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(_address(request.POST.get("q", "")))
        return view(cast(SignedInRequest, request))

    return guarded


@require_safe
@never_cache
def suggest(request: HttpRequest) -> JsonResponse:
    """`?q=…`, the text before the cursor: ways to go on, best first, for static/js/suggest.js."""
    found = suggestions(viewer=request.user, text=request.GET.get("q", ""))
    answer = [
        {"kind": each.kind, "text": each.text, "label": each.label, "note": each.note, "whole": each.is_whole}
        for each in found
    ]
    return JsonResponse({"suggestions": answer})


@require_POST
@_signed_in
def save(request: SignedInRequest) -> HttpResponse:
    """Keeps the search `q`, perhaps under a name."""
    text = request.POST.get("q", "")
    name = request.POST.get("name", "")
    try:
        search = search_save(owner=request.user, text=text, name=name)
    except SearchNotSaved as reason:
        messages.error(request, str(reason))
    else:
        messages.success(request, _("“%(search)s” is saved: you find it on the search page.") % {"search": search})
    return _back(text)


@require_POST
@_signed_in
def unsave(request: SignedInRequest) -> HttpResponse:
    """Deletes the search with the key `search`, if it is the caller's."""
    key = whole(request.POST.get("search", ""))
    if key is not None and (deleted := search_delete(owner=request.user, pk=key)):
        say_done(request, _("The saved search “%(search)s” is deleted.") % {"search": deleted}, search_deleted(deleted))
    return _back(request.POST.get("q", ""))


@require_POST
@_signed_in
def forget(request: SignedInRequest) -> HttpResponse:
    """Deletes the caller's past searches."""
    searches_forget(owner=request.user)
    messages.success(request, _("Your past searches are forgotten. Those you saved are still there."))
    return _back("")


def _back(text: str) -> HttpResponse:
    return redirect(_address(text))


def _address(text: str) -> str:
    address = reverse("search")
    return f"{address}?{urlencode({'q': text})}" if text else address
