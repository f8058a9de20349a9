"""Captions of one's own pictures, out of a table or sidecars."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from captioning.exceptions import BadTable
from captioning.forms_import import ImportForm
from captioning.imports import Import, captions_import
from gallery.views.access import SignedInRequest
from gallery.wording import grouped


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def import_captions(request: SignedInRequest) -> HttpResponse:
    """The form, and what became of the file that it sent. A page of its own, not a redirect: sent again, it says the
    same."""
    limits = settings.GALLERY_LIMITS
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    report = None
    if form.is_valid():
        table, replace = form.cleaned_data["table"], form.cleaned_data["replace"]
        try:
            report = captions_import(owner=request.user, file=table, replace=replace, most=limits["table_captions"])
        except BadTable as problem:
            form.add_error("table", str(problem))
    limit = _("Up to %(megabytes)s MB; at most %(most)s captions are written at once.") % {
        "megabytes": grouped(limits["bytes"] // 1_000_000),
        "most": grouped(limits["table_captions"]),
    }
    context = {"form": form, "limit": limit, "report": report, **(_told(report) if report else {})}
    return render(request, "captioning/import.html", context, status=400 if form.errors else 200)


def _told(report: Import) -> dict[str, object]:
    """What happened, in sentences."""
    counted = [
        (report.written, _written(report.written)),
        (report.same, ngettext("%(number)s was there already.", "%(number)s were there already.", report.same)),
        (
            report.kept,
            ngettext(
                "%(number)s picture keeps what you wrote of it otherwise.",
                "%(number)s pictures keep what you wrote of them otherwise.",
                report.kept,
            ),
        ),
        (
            report.left,
            ngettext(
                "%(number)s is left: choose the same file again to go on.",
                "%(number)s are left: choose the same file again to go on.",
                report.left,
            ),
        ),
        (
            report.unused,
            ngettext("%(number)s could not be used.", "%(number)s could not be used.", report.unused),
        ),
    ]
    sentences = [sentence % {"number": grouped(number)} for number, sentence in counted if number]
    more = ngettext("And %(number)s more.", "And %(number)s more.", report.more_problems)
    return {
        "sentences": sentences or [_("There is no caption in it.")],
        "more": more % {"number": grouped(report.more_problems)} if report.more_problems else "",
    }


def _written(number: int) -> str:
    return ngettext(
        "%(number)s caption was written; the old text is in the picture’s history.",
        "%(number)s captions were written; each old text is in its picture’s history.",
        number,
    )
