"""The upload page: many files at once from a form, or one by one from its script, which asks for JSON."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from gallery import services
from gallery.exceptions import UploadRefused
from gallery.forms import UploadForm
from gallery.models import Image, User, Visibility
from gallery.views.access import SignedInRequest, sign_in_required, wants_json


@dataclass(frozen=True)
class Outcome:
    """What became of one file: "created", "duplicate" or "refused"."""

    name: str
    kind: str
    sentence: str
    image: Image | None = None

    def as_json(self) -> dict[str, Any]:
        answer: dict[str, Any] = {"name": self.name, "outcome": self.kind, "message": self.sentence}
        if self.image:
            answer["uuid"] = str(self.image.uuid)
            answer["url"] = self.image.get_absolute_url()
            answer["state_url"] = reverse("image-state", args=[self.image.uuid])
        return answer


@require_http_methods(["GET", "HEAD", "POST"])
@sign_in_required
def upload(request: SignedInRequest) -> HttpResponse:
    """Takes what is a picture, says in a sentence why it doesn't take the rest."""
    if request.method != "POST":
        return _page(request, UploadForm())
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        if wants_json(request):
            sentences = [str(sentence) for errors in form.errors.values() for sentence in errors]
            return JsonResponse({"message": " ".join(sentences)}, status=400)
        return _page(request, form, status=400)
    outcomes = [_take(file, request.user, form.cleaned_data["visibility"]) for file in form.cleaned_data["pictures"]]
    if wants_json(request):
        return JsonResponse({"files": [outcome.as_json() for outcome in outcomes]})
    return _page(request, UploadForm(initial=form.cleaned_data), outcomes=outcomes)


def _take(file: "UploadedFile[Any]", owner: User, visibility: Visibility) -> Outcome:
    name = file.name or "unnamed"
    try:
        creation = services.image_create(owner=owner, file=file, file_name=name, visibility=visibility)
    except UploadRefused as refusal:
        return Outcome(name, "refused", str(refusal))
    if creation.created:
        return Outcome(name, "created", "Uploaded", creation.image)
    return Outcome(name, "duplicate", "You have this picture already", creation.image)


def _page(
    request: HttpRequest, form: UploadForm, *, outcomes: list[Outcome] | None = None, status: int = 200
) -> HttpResponse:
    limits = settings.GALLERY_LIMITS
    context = {
        "form": form,
        "outcomes": outcomes,
        "limits": {
            "bytes": limits["bytes"],
            "megabytes": limits["bytes"] // 1_000_000,
            "megapixels": limits["pixels"] // 1_000_000,
        },
    }
    return render(request, "gallery/upload.html", context, status=status)
