"""Actions on any number of rows, a piece with each request, so that none takes long and one sees how far it is."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from gallery.admin.asks import page_asking
from gallery.admin.base import ModelAdmin
from gallery.numbers import whole
from gallery.wording import grouped

PIECE = 500


def in_pieces(
    model_admin: ModelAdmin,
    request: HttpRequest,
    left: QuerySet[Any],
    *,
    do: Callable[[list[Any]], object],
    question: str,
    done: Callable[[int], str],
) -> HttpResponse | None:
    """Asks first; then does PIECE of the rows that are `left`, and shows a page that goes on by itself until none is.

    What was done must no longer be among those that are left. `done` is a sentence that tells how many were.
    """
    waiting = left.count()
    total = max(waiting, whole(request.POST.get("total") or "") or 0)
    is_confirmed = "confirmed" in request.POST
    if waiting and is_confirmed:
        do(list(left.order_by("pk")[:PIECE]))
        waiting = left.count()
    if not waiting:
        model_admin.message_user(request, done(total) if total else _("There was nothing to do."), messages.SUCCESS)
        return None
    fields = {
        "action": request.POST["action"],
        "index": "0",
        "select_across": request.POST.get("select_across", "0"),
        "total": total,
    }
    selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
    if not is_confirmed:
        opts = model_admin.opts
        asked = f"{grouped(total)} {opts.verbose_name_plural if total > 1 else opts.verbose_name}?"
        return page_asking(model_admin, request, title=asked, sentences=[question], fields=fields, selected=selected)
    goes_on = _("This page goes on by itself until all is done; leave it to stop.")
    return page_asking(
        model_admin,
        request,
        title=_("%(done)s of %(total)s") % {"done": grouped(total - waiting), "total": grouped(total)},
        sentences=[goes_on],
        fields=fields,
        selected=selected,
        progress=(total - waiting, total),
    )
