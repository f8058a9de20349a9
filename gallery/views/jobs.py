"""The work on pictures: how it stands, having it tried again, and for those who run the place, pausing it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from gallery.failures import failures, work_retry
from gallery.jobs import Jobs, Scope, jobs
from gallery.models import User
from gallery.names import printable
from gallery.pauses import EVERYTHING, work_pause, work_resume
from gallery.pipeline import get_pipeline
from gallery.templatetags.work import work_summary
from gallery.views.access import SignedInRequest, sign_in_required
from gallery.wording import grouped, step_name

EVERYONE = "everyone"


@require_safe
@sign_in_required
def jobs_page(request: SignedInRequest) -> HttpResponse:
    """How the work on one's own pictures stands, or with `?whose=everyone` for staff, on everybody's."""
    scope = _scope(request, request.GET)
    found = jobs(scope)
    context = {
        "jobs": found,
        "failures": failures(scope, viewer=request.user) if found.failed else [],
        "scope": scope,
        "query": _query(scope),
        "mark": _mark(found),
        "may_see_everyones": _may(request.user, "view_stage"),
        "may_retry": scope.owner is not None or _may(request.user, "change_stage"),
        "may_pause": _may(request.user, "change_pause"),
    }
    return render(request, "gallery/jobs.html", context)


@require_safe
@never_cache
@sign_in_required
def jobs_state(request: SignedInRequest) -> JsonResponse:
    """The same for static/js/jobs.js: a sentence, the HTML of the steps, whether anything moves, and a mark that
    changes when the rest of the page does."""
    found = jobs(_scope(request, request.GET))
    return JsonResponse(
        {
            "summary": work_summary(found),
            "steps": render_to_string("gallery/_jobs_steps.html", {"jobs": found}),
            "moving": found.is_moving,
            "mark": _mark(found),
        }
    )


@require_POST
@sign_in_required
def jobs_retry(request: SignedInRequest) -> HttpResponse:
    """Tries again what failed, all of it or for one reason."""
    scope = _scope(request, request.POST)
    if scope.owner is None and not _may(request.user, "change_stage"):
        raise PermissionDenied
    tried = work_retry(scope=scope, person=request.user, key=request.POST.get("reason", ""))
    if tried:
        sentence = ngettext(
            "%(number)s to be tried again. It begins in a moment.",
            "%(number)s to be tried again. It begins in a moment.",
            tried,
        ) % {"number": grouped(tried)}
        messages.success(request, sentence)
    else:
        messages.info(request, _("Nothing of that has failed any more."))
    return redirect(f"{reverse('jobs')}{_query(replace(scope, step=_step(request.GET)))}")


@require_POST
@sign_in_required
def jobs_pause(request: SignedInRequest) -> HttpResponse:
    """Pauses a step or everything, or with `do=resume`, lets it go on."""
    if not _may(request.user, "change_pause"):
        raise PermissionDenied
    step = _step(request.POST)
    what = _("All work") if step == EVERYTHING else _("“%(step)s”") % {"step": step_name(step)}
    if request.POST.get("do") == "resume":
        work_resume(step=step, person=request.user)
        messages.success(request, _("%(what)s goes on.") % {"what": what})
    elif step == EVERYTHING or step in {each.name for each in get_pipeline().steps()}:
        work_pause(step=step, person=request.user)
        sentence = _("%(what)s is paused. What has begun is finished; uploads are still taken.") % {"what": what}
        messages.success(request, sentence)
    else:
        raise Http404("No such step.")
    return redirect(f"{reverse('jobs')}?whose={EVERYONE}" if _may(request.user, "view_stage") else "jobs")


def _scope(request: SignedInRequest, asked: Any) -> Scope:
    """What the page is asked to show. `everyone` by those who may not see that shows their own."""
    is_everyones = asked.get("whose") == EVERYONE and _may(request.user, "view_stage")
    return Scope(owner=None if is_everyones else request.user, step=_step(asked), since=_since(asked))


def _since(asked: Any) -> datetime | None:
    try:
        since = parse_datetime(asked.get("since", ""))
        return since.astimezone(UTC) if since is not None and is_aware(since) else None
    except (ValueError, OverflowError):  # no date, or one that is none in UTC
        return None


def _step(asked: Any) -> str:
    return printable(asked.get("step", ""))[:20]


def _query(scope: Scope) -> str:
    """The scope as a query string, "" for one's own work as a whole."""
    told = {
        "whose": EVERYONE if scope.owner is None else "",
        "step": scope.step,
        "since": scope.since.isoformat() if scope.since else "",
    }
    query = urlencode({name: value for name, value in told.items() if value})
    return f"?{query}" if query else ""


def _may(user: User, permission: str) -> bool:
    return user.is_staff and user.has_perm(f"gallery.{permission}")


def _mark(found: Jobs) -> str:
    failed = {step.name: step.failed for step in found.steps}
    return json.dumps([failed, [pause.pk for pause in found.pauses], found.worker.is_seen])
