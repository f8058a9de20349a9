"""Pages that need captions and vectors together, and the answer for those who watch over the site."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gallery import services
from gallery.exceptions import UploadRefused
from gallery.models import Visibility
from gallery.tries import uploads_check
from gallery.views.access import SignedInRequest
from mmsite.checkup import is_database_ready, is_store_ready
from mmsite.describe import Description, describe
from mmsite.forms import KeepForm, PictureForm
from mmsite.held import NotHeld, discard, held_picture, hold
from mmsite.metrics import CONTENT_TYPE, measure
from search.query.answer import index_notice, search_images


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def describe_page(request: SignedInRequest) -> HttpResponse:
    """Gives a picture's caption and its nearest pictures; holds it for an hour, in case it is to be kept."""
    if request.method != "POST":
        return _describe_page(request, PictureForm())
    form = PictureForm(request.POST, request.FILES)
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            description = describe(viewer=request.user, file=file)
        except UploadRefused as refusal:
            form.add_error("file", str(refusal))
        else:
            receipt = hold(owner_id=request.user.pk, file=file, file_name=file.name)
            return _describe_page(request, PictureForm(), description=description, receipt=receipt)
    return _describe_page(request, form, status=400)


def _describe_page(
    request: HttpRequest,
    form: PictureForm,
    *,
    description: Description | None = None,
    receipt: str = "",
    status: int = 200,
) -> HttpResponse:
    keep_form = KeepForm(initial={"held": receipt, "visibility": Visibility.PRIVATE})
    context = {"form": form, "description": description, "keep_form": keep_form}
    return render(request, "mmsite/describe.html", context, status=status)


@require_POST
def describe_keep(request: SignedInRequest) -> HttpResponse:
    """Takes a held picture into the library, as an upload would. Strangers are asked to sign in and come back to the
    page, since this address only takes POST."""
    if not request.user.is_authenticated:
        return redirect_to_login(reverse("describe"))
    form = KeepForm(request.POST)
    uploads_check(owner=request.user)
    try:
        if not form.is_valid():
            raise NotHeld
        held = held_picture(owner_id=request.user.pk, receipt=form.cleaned_data["held"])
        with held.open() as file:
            creation = services.image_create(
                owner=request.user,
                file=file,
                file_name=held.file_name,
                visibility=form.cleaned_data["visibility"],
            )
    except NotHeld:
        messages.error(request, _("That picture is no longer at hand: it is held for an hour. Choose it again."))
        return redirect("describe")
    except UploadRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("describe")
    discard(held)
    messages.success(request, _("Kept.") if creation.created else _("You have this picture already."))
    return redirect(creation.image)


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Where browsers look when a page names no icon, as those of the admin."""
    return redirect(static("logo.svg"))


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as the web process and its database answer. Whether search works, and by which index, is said, but is
    no reason to take the site out of service: pictures are shown and accepted without it."""
    found = search_images(viewer=AnonymousUser(), query="a photo", limit=1)
    search = {"ready": found.state != "not_ready", "sentence": found.sentence, "notice": found.notice or index_notice()}
    return JsonResponse({"status": "ok", "search": search})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 where this host can do what a site is for: its database answers and has today's tables, and its pictures can
    be read and written. Else 503, which takes it out of a balancer's turn; `manage.py doctor` says what to do."""
    found = {"database": is_database_ready(), "pictures": is_store_ready()}
    is_ready = all(found.values())
    return JsonResponse({"status": "ready" if is_ready else "not ready", **found}, status=200 if is_ready else 503)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """What Prometheus reads. For administrators, and for whoever shows the METRICS_TOKEN."""
    if not (request.user.is_superuser or _shows_token(request)):
        raise Http404
    return HttpResponse(measure(), content_type=CONTENT_TYPE)


def _shows_token(request: HttpRequest) -> bool:
    shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return bool(settings.METRICS_TOKEN) and constant_time_compare(shown, settings.METRICS_TOKEN)
