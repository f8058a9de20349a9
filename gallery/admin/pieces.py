"""Actions on any number of rows, a piece with each request, so that none takes long and one sees how far it is."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from gallery.admin.base import ModelAdmin
from gallery.numbers import whole

PIECE = 500


def in_pieces(
    model_admin: ModelAdmin,
    request: HttpRequest,
    left: QuerySet[Any],
    *,
    do: Callable[[list[Any]], object],
    question: str,
    done: str,
) -> HttpResponse | None:
    """Asks first; then does PIECE of the rows that are `left`, and shows a page that goes on by itself until none is.

    What was done must no longer be among those that are left. `done` ends the sentence that tells how many were.
    """
    waiting = left.count()
    total = max(waiting, _number(request.POST.get("total")))
    if not waiting:
        model_admin.message_user(
            request, f"{total:,} {done}." if total else "There was nothing to do.", messages.SUCCESS
        )
        return None
    is_confirmed = "confirmed" in request.POST
    if is_confirmed:
        do(list(left.order_by("pk")[:PIECE]))
        waiting = left.count()
        if not waiting:
            model_admin.message_user(request, f"{total:,} {done}.", messages.SUCCESS)
            return None
    opts = model_admin.model._meta
    asked = f"{total:,} {opts.verbose_name_plural if total > 1 else opts.verbose_name}?"
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": opts,
        "title": f"{total - waiting:,} of {total:,} {done}" if is_confirmed else asked,
        "question": question,
        "is_confirmed": is_confirmed,
        "total": total,
        "done": total - waiting,
        "action": request.POST["action"],
        "select_across": request.POST.get("select_across", "0"),
        "checkbox": ACTION_CHECKBOX_NAME,
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
    }
    return TemplateResponse(request, "admin/in_pieces.html", context)


def _number(text: str | None) -> int:
    return whole(text or "") or 0
