"""The upload page: many files at once from a form, or one by one from its script, which asks for JSON."""

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from gallery import archives, fetching, uploads
from gallery.exceptions import NoRoom, UploadRefused
from gallery.forms import UploadForm, UrlForm, mistakes
from gallery.intake import Outcome, picture_take
from gallery.models import Upload, User, Visibility
from gallery.tries import bound_of, tries_check, uploads_check
from gallery.views.access import SignedInRequest, sign_in_required, wants_json


@require_http_methods(["GET", "HEAD", "POST"])
@sign_in_required
def upload(request: SignedInRequest) -> HttpResponse:
    """Takes what is a picture, says in a sentence why it doesn't take the rest."""
    if request.method != "POST":
        return _page(request, UploadForm())
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        if wants_json(request):
            return JsonResponse({"message": mistakes(form)}, status=400)
        return _page(request, form, status=400)
    uploads_check(owner=request.user, number=len(form.cleaned_data["pictures"]))
    outcomes = [_take(file, request.user, form.cleaned_data["visibility"]) for file in form.cleaned_data["pictures"]]
    status = _status(outcomes)
    if wants_json(request):
        answer = {"files": [_as_json(outcome) for outcome in outcomes], "message": outcomes[0].sentence}
        return JsonResponse(answer, status=status)
    return _page(request, UploadForm(initial=form.cleaned_data), outcomes=outcomes, status=status)


@require_POST
@sign_in_required
def upload_from_web(request: SignedInRequest) -> HttpResponse:
    """Fetches a picture from an address on the web, where the site is set to."""
    tries_check([*bound_of("fetch", request.user.pk), *bound_of("upload", request.user.pk)])
    form = UrlForm(request.POST)
    if not form.is_valid():
        outcome = Outcome(request.POST.get("url", "")[:200], "refused", mistakes(form))
    else:
        outcome = fetching.picture_fetch(
            owner=request.user, url=form.cleaned_data["url"], visibility=form.cleaned_data["visibility"]
        )
    status = 400 if outcome.kind == "refused" else 200
    return _page(request, UploadForm(initial=form.cleaned_data), outcomes=[outcome], status=status)


def _status(outcomes: list[Outcome]) -> HTTPStatus:
    """Of the answer: a success, unless nothing at all was taken in; then whether another try may do, now or once there
    is room again."""
    if any(outcome.kind != "refused" for outcome in outcomes):
        return HTTPStatus.OK
    if all(isinstance(each.refusal, NoRoom) for each in outcomes):
        return HTTPStatus.INSUFFICIENT_STORAGE
    return HTTPStatus.SERVICE_UNAVAILABLE if all(each.waits for each in outcomes) else HTTPStatus.UNPROCESSABLE_ENTITY


def _take(file: "UploadedFile[Any]", owner: User, visibility: Visibility) -> Outcome:
    name = file.name or "unnamed"
    if not archives.is_archive(file, name):
        return picture_take(owner=owner, file=file, file_name=name, visibility=visibility)
    try:
        upload = uploads.upload_take_whole(owner=owner, file=file, file_name=name, visibility=visibility)
    except UploadRefused as refusal:
        return Outcome(name, "refused", str(refusal), refusal=refusal)
    return Outcome(name, "refused" if upload.state == Upload.State.REFUSED else "unpacking", upload.outcome)


def _as_json(outcome: Outcome) -> dict[str, Any]:
    answer: dict[str, Any] = {"name": outcome.name, "outcome": outcome.kind, "message": outcome.sentence}
    if outcome.image:
        answer["uuid"] = str(outcome.image.uuid)
        answer["url"] = outcome.image.get_absolute_url()
        answer["state_url"] = reverse("image-state", args=[outcome.image.uuid])
    return answer


def _page(
    request: SignedInRequest, form: UploadForm, *, outcomes: list[Outcome] | None = None, status: int = 200
) -> HttpResponse:
    limits = settings.GALLERY_LIMITS
    context = {
        "form": form,
        "outcomes": outcomes,
        "recent": uploads.uploads_recent(request.user),
        "url_import": settings.URL_IMPORT,
        "hours": settings.UPLOAD_HOURS,
        "limits": {
            "bytes": limits["bytes"],
            "archive": limits["archive"],
            "megabytes": limits["bytes"] // 1_000_000,
            "megapixels": limits["pixels"] // 1_000_000,
        },
    }
    return render(request, "gallery/upload.html", context, status=status)
