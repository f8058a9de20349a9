"""What people and scripts see when a request can't be answered, in the same house style as everything else."""

import sys

from django.core.exceptions import RequestDataTooBig, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import render
from django.template import loader
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from api import problems
from gallery.exceptions import TooOften
from gallery.outages import RETRY_SECONDS, is_database_away, is_full
from gallery.views.access import wants_json
from mmsite.tracing import request_id

TOO_LARGE = 413
BAD_REQUESTS: dict[type[Exception], tuple[int, Promise, Promise]] = {
    RequestDataTooBig: (
        413,
        gettext_lazy("Too much at once"),
        gettext_lazy("Send fewer or smaller pictures at a time."),
    ),
    TooManyFilesSent: (413, gettext_lazy("Too many files at once"), gettext_lazy("Send fewer pictures at a time.")),
}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The request can't be understood, or is too large."""
    default = 400, gettext_lazy("That request makes no sense here"), gettext_lazy("Go back and try again.")
    status, heading, sentence = BAD_REQUESTS.get(type(exception), default)
    if problems.is_api(request):
        return problems.answer(request, status, "too_large" if status == TOO_LARGE else "parse_error", str(sentence))
    return _answer(request, status, str(heading), str(sentence))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if problems.is_api(request):
        return problems.answer(request, 403, "permission_denied", problems.FORBIDDEN)
    return _answer(request, 403, _("This is not for you"), _("Your account may not open this page."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Says the same for what is absent and for what is somebody else's."""
    if problems.is_api(request):
        return problems.answer(request, 404, "not_found", problems.NOT_FOUND)
    sentence = _("There is nothing here, or it is not yours to see.")
    return _answer(request, 404, _("Nothing here"), sentence, offer_sign_in=True)


def not_allowed(request: HttpRequest, refused: HttpResponseNotAllowed) -> HttpResponse:
    """The address is there, but not for this method: as where somebody opens what a button sends to."""
    sentence = _("This address is for the buttons of other pages. Go back and press the one that you meant.")
    answer = _answer(request, refused.status_code, _("Nothing to open here"), sentence)
    answer["Allow"] = refused["Allow"]
    return answer


def store_unavailable(request: HttpRequest) -> HttpResponse:
    """Pictures lie on a server of their own, which doesn't answer."""
    if problems.is_api(request):
        return problems.answer(request, 503, "unavailable", problems.STORE)
    sentence = _("The place where the pictures lie doesn't answer. Nothing is lost: try again in a minute.")
    return _answer(request, 503, _("Pictures can't be reached now"), sentence)


def too_often(request: HttpRequest, refused: TooOften) -> HttpResponse:
    """Somebody has to wait: 429, which says for how long."""
    if problems.is_api(request):
        answer: HttpResponse = problems.answer(request, 429, "throttled", str(refused))
    else:
        answer = _answer(request, 429, _("One moment"), str(refused))
    answer["Retry-After"] = str(refused.seconds)
    answer["Cache-Control"] = "no-store"
    return answer


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form's token is missing or stale: the page was open too long, or somebody else signed in meanwhile."""
    if problems.is_api(request):
        return problems.answer(request, 403, "csrf", problems.CSRF)
    sentence = _("This page was open for too long, or cookies are off. Go back, reload the page and try again.")
    return _answer(request, 403, _("That form has expired"), sentence)


def outage(request: HttpRequest, exception: BaseException | None) -> HttpResponse | None:
    """Where a disk is full: 507. Where the database is locked for longer than one waits, or away: 503."""
    if is_full(exception):
        heading = _("There is no room left on this site")
        sentence = _("Nothing is lost. Try again once whoever runs this site has made some.")
        return _bare(request, 507, "no_room", heading=heading, sentence=sentence, detail=problems.NO_ROOM)
    if is_database_away(exception):
        sentence = _("The database is busy, or doesn't answer. Nothing is lost: try again in a minute.")
        answer = _bare(
            request, 503, "unavailable", heading=_("One moment"), sentence=sentence, detail=problems.DATABASE
        )
        answer["Retry-After"] = str(RETRY_SECONDS)
        return answer
    return None


def server_error(request: HttpRequest) -> HttpResponse:
    """Nobody foresaw what happened, or it happened outside of any view; it is in the log."""
    if answer := outage(request, sys.exception()):
        return answer
    heading = _("Something went wrong")
    sentence = _("The fault is ours and has been logged. Your pictures are safe; try again in a moment.")
    return _bare(request, 500, "server_error", heading=heading, sentence=sentence, detail=problems.BROKEN)


def _bare(request: HttpRequest, status: int, code: str, *, heading: str, sentence: str, detail: str) -> HttpResponse:
    """Made without request or database: whatever broke may be either. `detail` is what the API says."""
    if problems.is_api(request):
        answer: HttpResponse = problems.answer(request, status, code, detail)
    elif wants_json(request):
        answer = JsonResponse({"message": f"{heading}. {sentence}"}, status=status)
    else:
        context = {"status": status, "heading": heading, "sentence": sentence, "request_id": request_id()}
        answer = HttpResponse(loader.render_to_string("500.html", context), status=status)
    answer["Cache-Control"] = "no-store"
    return answer


def _answer(
    request: HttpRequest, status: int, heading: str, sentence: str, *, offer_sign_in: bool = False
) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"message": f"{heading}. {sentence}"}, status=status)
    context = {"status": status, "heading": heading, "sentence": sentence}
    if offer_sign_in and not request.user.is_authenticated:
        context["sign_in_next"] = request.get_full_path()
        context["sentence"] = sentence + " " + _("If it is yours, sign in.")
    return render(request, "error.html", context, status=status)
