"""The search page."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from search.forms import DEFAULT_SHOW, SearchForm
from search.query.answer import SearchResult, search_images
from search.query.terms import FIELDS, Hint, Query
from search.saved import search_record


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Words in, pictures out: `?q=…&show=…&page=…`."""
    form = SearchForm(request.GET)
    context: dict[str, Any] = {"form": form, "query": "", "result": None}
    if form.is_valid() and form.cleaned_data["q"]:
        asked, show, page = (form.cleaned_data[name] for name in ("q", "show", "page"))
        result = search_images(viewer=request.user, query=asked, limit=show, offset=show * (page - 1))
        context |= {"query": asked, "result": result, "page": page, **_around(result, asked, show, page)}
        context["kept"] = search_record(viewer=request.user, result=result, page=page)
    return render(request, "search/search.html", context, status=200 if form.is_valid() else 400)


def _around(result: SearchResult, asked: str, show: int, page: int) -> dict[str, Any]:
    """What stands around the pictures: filters to take away, hints to take, pages to turn."""
    query = result.query
    return {
        "chips": [
            {
                "text": str(part),
                "meaning": FIELDS[part.field].sentence,
                "address": _address(query.without(part), show),
            }
            for part in query.filters
        ],
        "hints": [_hint(query, hint, show) for hint in query.hints],
        "previous_page": _address(asked, show, page - 1) if page > 1 else "",
        "next_page": "" if result.is_last else _address(asked, show, page + 1),
    }


def _hint(query: Query, hint: Hint, show: int) -> dict[str, str]:
    has_other = hint.suggestion is not None
    return {
        "sentence": hint.sentence,
        "suggestion": hint.suggestion or "",
        "address": _address(query.corrected(hint), show) if has_other else "",
    }


def _address(text: str, show: int, page: int = 1) -> str:
    parameters: dict[str, object] = {"q": text}
    if show != DEFAULT_SHOW:
        parameters["show"] = show
    if page > 1:
        parameters["page"] = page
    return f"{reverse('search')}?{urlencode(parameters)}"
