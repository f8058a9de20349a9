"""What the audit log says of oneself."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gallery.models import AuditEntry
from gallery.numbers import whole
from gallery.views.access import SignedInRequest, sign_in_required

PAGE_SIZE = 50


@require_safe
@sign_in_required
def activity(request: SignedInRequest) -> HttpResponse:
    """One's own entries, the newest first; with `?before=`, those before that one."""
    entries = AuditEntry.objects.filter(actor=request.user).order_by("-pk")
    before = whole(request.GET.get("before", ""))
    if before is not None:
        entries = entries.filter(pk__lt=before)
    found = list(entries[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    context = {"entries": shown, "before": shown[-1].pk if len(found) > PAGE_SIZE else None}
    return render(request, "accounts/activity.html", context)
