"""The page that asks before something is done."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest
from django.template.response import TemplateResponse

from gallery.admin.base import ModelAdmin


def page_asking(
    model_admin: ModelAdmin,
    request: HttpRequest,
    *,
    title: str,
    sentences: Iterable[str],
    fields: Mapping[str, object] | None = None,
    selected: Iterable[object] = (),
    progress: tuple[int, int] | None = None,
) -> TemplateResponse:
    """Asks, and then posts to the same address `confirmed`, the `fields` and what was `selected`.

    With `progress`, (done, total), it doesn't ask any more but goes on by itself.
    """
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": title,
        "sentences": [sentence for sentence in sentences if sentence],
        "fields": {"confirmed": "yes", **(fields or {})},
        "checkbox": ACTION_CHECKBOX_NAME,
        "selected": list(selected),
        "progress": progress,
    }
    return TemplateResponse(request, "admin/asks.html", context)
