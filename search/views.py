"""The search page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from search.forms import SearchForm
from search.selectors import search_images


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Words in, pictures out: `?q=…&show=…`."""
    form = SearchForm(request.GET)
    query, result = "", None
    if form.is_valid() and form.cleaned_data["q"]:
        query = form.cleaned_data["q"]
        result = search_images(viewer=request.user, query=query, limit=form.cleaned_data["show"])
    context = {"form": form, "query": query, "result": result}
    return render(request, "search/search.html", context, status=200 if form.is_valid() else 400)
