"""Marking what searches found as right or wrong, and what that says of the models."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from gallery.models import Image
from gallery.views.access import SignedInRequest, came_from, wants_json
from gallery.wording import grouped
from ml.evaluation.bootstrap import Difference, Interval
from search.exceptions import JudgementRefused
from search.forms_golden import JudgeForm
from search.golden import judgement_clear, judgement_set
from search.models import ModelVersion
from search.query.evaluate import (
    MEASURES,
    MOST_QUERIES,
    Evaluation,
    GoldenQuery,
    Outcome,
    evaluate,
    golden_queries,
    versions_to_evaluate,
)

FEW_QUERIES = 20
PLAIN = {"mrr"}  # no share, and not written in per cent


@dataclass(frozen=True)
class Bar:
    """A figure with its interval, as a table says it and as a bar of 100 units shows it."""

    value: str
    interval: str
    length: float
    low: float
    reach: float
    difference: str = ""
    is_better: bool | None = None


@require_POST
def judge(request: HttpRequest) -> HttpResponse:
    """Keeps or takes back that a picture is right or wrong for a query, and leads back; a script is told what stands.

    Strangers are asked to sign in and come back to the search, since this address only takes POST.
    """
    form = JudgeForm(request.POST)
    back = came_from(request, "search").partition("#")[0]  # without the place in it
    if not request.user.is_authenticated:
        return redirect_to_login(back)
    if not form.is_valid():
        raise Http404
    said, owner = form.cleaned_data, request.user
    image = Image.objects.listed_for(owner).filter(uuid=said["image"]).first()
    if image is None:
        raise Http404
    try:
        if said["is_right"] is None:
            judgement_clear(owner=owner, query=said["q"], image=image)
        else:
            judgement_set(owner=owner, query=said["q"], image=image, is_right=said["is_right"])
    except JudgementRefused as refusal:
        raise Http404 from refusal
    if wants_json(request):
        return JsonResponse({"is_right": said["is_right"]})
    return HttpResponseRedirect(f"{back}#judge-{image.uuid}")


@require_safe
@login_required
def golden(request: SignedInRequest) -> HttpResponse:
    """How well each model version does on a person's golden queries; on everybody's for those who run the place."""
    runs_the_place = request.user.is_superuser
    queries = golden_queries(owner=None if runs_the_place else request.user)
    scored = queries[:MOST_QUERIES]
    versions = versions_to_evaluate(scored)
    if not runs_the_place:  # each other version would load its model into this process, for anybody who asks
        versions = [version for version in versions if version.state == ModelVersion.State.ACTIVE]
    evaluations = evaluate(scored, versions)
    best_first = request.GET.get("sort") == "best"
    context = {
        "queries": len(queries),
        "scored": len(scored),
        "is_few": len(scored) < FEW_QUERIES,
        "measures": MEASURES.values(),
        "systems": [_system(each) for each in evaluations],
        "rows": _rows(scored, evaluations, best_first=best_first),
        "best_first": best_first,
    }
    return render(request, "search/golden.html", context)


def _system(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "evaluation": evaluation,
        "name": _name(evaluation),
        "bars": [
            (label, _bar(name, evaluation.figures.get(name), evaluation.against_active.get(name)))
            for name, label in MEASURES.items()
        ],
    }


def _name(evaluation: Evaluation) -> str:
    if evaluation.what == "answer":
        return _("Whole answers")
    return _("Looks alone, version %(pk)s") % {"pk": evaluation.version.pk}


def _bar(name: str, figure: Interval | None, apart: Difference | None) -> Bar | None:
    if figure is None:
        return None
    difference, is_better = "", None
    if apart is not None:
        low, high = _shown(name, apart.low, sign=True), _shown(name, apart.high, sign=True)
        difference = _("%(value)s (%(low)s to %(high)s)") % {
            "value": _shown(name, apart.value, sign=True),
            "low": low,
            "high": high,
        }
        is_better = apart.value > 0 if apart.real else None
    return Bar(
        value=_shown(name, figure.value) + ("" if name in PLAIN else " %"),
        interval=_("%(low)s to %(high)s") % {"low": _shown(name, figure.low), "high": _shown(name, figure.high)},
        length=round(100 * figure.value, 1),
        low=round(100 * figure.low, 1),
        reach=round(100 * (figure.high - figure.low), 1),
        difference=difference,
        is_better=is_better,
    )


def _shown(name: str, number: float, *, sign: bool = False) -> str:
    """A figure as people write it: shares in per cent."""
    digits, number = (2, number) if name in PLAIN else (0, 100 * number)
    text = number_format(abs(round(number, digits)), decimal_pos=digits)
    is_below = math.copysign(1, number) < 0
    return f"−{text}" if is_below else f"+{text}" if sign else text


def _rows(
    queries: Sequence[GoldenQuery], evaluations: Sequence[Evaluation], *, best_first: bool
) -> list[dict[str, Any]]:
    """The queries with their ranks by each system, sorted by the first one, which is what people get."""
    by_system = [{_key(each.query): each for each in evaluation.outcomes} for evaluation in evaluations]

    def worth(query: GoldenQuery) -> float:
        outcome = next((found[_key(query)] for found in by_system if _key(query) in found), None)
        return outcome.reciprocal if outcome else 0.0

    return [
        {
            "query": query,
            "address": f"{reverse('search')}?{urlencode({'q': query.text})}",
            "ranks": [
                (_name(evaluation), _ranks(found[_key(query)]))
                for evaluation, found in zip(evaluations, by_system, strict=True)
                if _key(query) in found
            ],
        }
        for query in sorted(queries, key=worth, reverse=best_first)
    ]


def _ranks(outcome: Outcome) -> str:
    return ", ".join(_("not found") if rank is None else grouped(rank) for rank in outcome.ranks)


def _key(query: GoldenQuery) -> tuple[int, str]:
    return query.owner.pk, query.text
