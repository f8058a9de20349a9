"""The search page."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from gallery.exceptions import UploadRefused
from gallery.favourites import has_favourites
from gallery.models import Image, Viewer
from search.forms import DEFAULT_SHOW, SearchForm
from search.narrow import narrowing_filters
from search.query.answer import SearchResult, search_images
from search.query.terms import FIELDS, Filter, Hint, Like, Query, Text
from search.saved import search_record
from search.views_pictures import (
    Example,
    NotReady,
    part_of_picture,
    picture_hints,
    pictures_of,
    sent_picture,
    title_of,
)
from search.wording import part_in_words, weighed


@require_http_methods(["GET", "HEAD", "POST"])
def search(request: HttpRequest) -> HttpResponse:
    """Words in, pictures out: `?q=…&show=…&page=…`. Also like a part of a picture, `&of=…&box=…`, or like one that is
    sent along by POST, and not kept: these two take more work than words do, and so an account."""
    is_post = request.method == "POST"
    form = SearchForm(request.POST if is_post else request.GET, request.FILES if is_post else None)
    by_pixels = is_post or bool(request.GET.get("of"))
    if by_pixels and not request.user.is_authenticated:
        return redirect_to_login(reverse("search") if is_post else request.get_full_path())
    context: dict[str, Any] = {"form": form, "result": None}
    example = _example(request, form) if form.is_valid() else None
    if form.is_valid() and (form.cleaned_data["asked"] or example):
        context |= _answer(request, form, example)
    return render(request, "search/search.html", context, status=200 if form.is_valid() else 400)


def _example(request: HttpRequest, form: SearchForm) -> Example | None:
    """The picture that is no part of the query. What is wrong with it becomes an error of the form."""
    said = form.cleaned_data
    try:
        if said["picture"]:
            return sent_picture(said["picture"], file_name=said["picture"].name)
        if said["of"]:
            return part_of_picture(viewer=request.user, uuid=said["of"], box=said["box"])
    except (UploadRefused, NotReady) as reason:
        form.add_error("picture", str(reason))
    return None


def _answer(request: HttpRequest, form: SearchForm, example: Example | None) -> dict[str, Any]:
    asked, show, page = (form.cleaned_data[name] for name in ("asked", "show", "page"))
    result = search_images(
        viewer=request.user,
        query=asked,
        limit=show,
        offset=show * (page - 1),
        picture=example.picture if example else None,
    )
    form.show_pictures_apart(result.query)
    pictures = pictures_of(result, viewer=request.user)
    return {
        "query": asked,
        "result": result,
        "page": page,
        "title": title_of(result.query, asked, pictures=pictures, example=example),
        "kept": None if example else search_record(viewer=request.user, result=result, page=page),
        "is_selectable": request.user.is_authenticated,
        "are_favourites": Filter("is", "favourite") in result.query.parts,
        "by_picture": bool(example or result.query.pictures),
        "example": example,
        "narrower": [
            {"text": part_in_words(part), "address": _address(f"{result.query.text} {part}", show, example)}
            for part in narrowing_filters(result.query, [hit.image for hit in result.hits], viewer=request.user)
        ],
        **_around(result, asked, viewer=request.user, show=show, page=page, pictures=pictures, example=example),
    }


def _around(
    result: SearchResult,
    asked: str,
    *,
    viewer: Viewer,
    show: int,
    page: int,
    pictures: Mapping[UUID, Image],
    example: Example | None,
) -> dict[str, Any]:
    """What stands around the pictures: parts to take away, hints to take, pages to turn, pictures to add."""
    query = result.query
    address = partial(_address, show=show, example=example)
    has_looks = bool(query.texts or query.pictures or example)
    return {
        "example_chip": address(query.text, example=None) if example else "",
        "chips": [chip for part in query.parts if (chip := _chip(query, part, pictures, address))],
        "hints": [
            *({"sentence": sentence} for sentence in picture_hints(query, pictures=pictures)),
            *({"sentence": sentence} for sentence in _favourite_hints(result, viewer)),
            *(_hint(query, hint, address) for hint in query.hints),
        ],
        "more_like": _more_like(query, show, example) if has_looks else "",
        "liked": [like.picture for like in query.pictures],
        "previous_page": address(asked, page=page - 1) if page > 1 else "",
        "next_page": "" if result.is_last else address(asked, page=page + 1),
        "next_number": page + 1,
    }


def _favourite_hints(result: SearchResult, viewer: Viewer) -> list[str]:
    """How favourites are made, for somebody who looks for theirs and has none."""
    asked = {(part.field, part.value) for part in result.query.filters if part.sign != "-"}
    if result.hits or ("is", "favourite") not in asked or viewer.pk is None or has_favourites(viewer=viewer):
        return []
    return [
        _("You have no favourites yet: press the heart on a picture’s page, or select some and choose “Favourite”.")
    ]


def _chip(
    query: Query, part: Text | Like | Filter, pictures: Mapping[UUID, Image], address: Callable[[str], str]
) -> dict[str, Any] | None:
    """A part of the query that can be taken away; free words stand in the box anyway."""
    if isinstance(part, Text) and not part.sign:
        return None
    chip: dict[str, Any] = {"address": address(query.without(part))}
    if not isinstance(part, Like):
        return chip | {"text": part_in_words(part), "typed": str(part), "meaning": _meaning(part)}
    image = pictures.get(part.picture)
    name = image.file_name if image else _("a picture that isn’t here")
    return chip | {
        "text": weighed(name, part.weight),
        "meaning": _("Unlike this picture") if part.sign == "-" else _("Like this picture"),
        "picture": image,
        "is_picture": True,
        "is_unlike": part.sign == "-",
    }


def _meaning(part: Text | Filter) -> str:
    if isinstance(part, Filter):
        return FIELDS[part.field].sentence
    return _("This must be there") if part.sign == "+" else _("This may not be there")


def _hint(query: Query, hint: Hint, address: Callable[[str], str]) -> dict[str, str]:
    has_other = hint.suggestion is not None
    return {
        "sentence": hint.sentence,
        "suggestion": hint.suggestion or "",
        "address": address(query.corrected(hint)) if has_other else "",
    }


def _address(text: str, show: int, example: Example | None = None, page: int = 1) -> str:
    parameters: dict[str, object] = {"q": text, **(example.parameters if example else {})}
    if show != DEFAULT_SHOW:
        parameters["show"] = show
    if page > 1:
        parameters["page"] = page
    return f"{reverse('search')}?{urlencode(parameters)}"


def _more_like(query: Query, show: int, example: Example | None) -> str:
    """The address that asks for pictures like one more, once its uuid is put behind it."""
    parameters: dict[str, object] = dict(example.parameters) if example else {}
    if show != DEFAULT_SHOW:
        parameters["show"] = show
    return f"{reverse('search')}?{urlencode({**parameters, 'q': f'{query.text} ~'.lstrip()})}"
