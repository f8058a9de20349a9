"""The page of one's own webhooks."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from api import webhooks as services
from api.exceptions import WebhookRefused
from api.forms_webhooks import NewWebhookForm, WebhookDeedForm
from api.models_webhooks import Webhook
from gallery.models import User
from gallery.views.access import SignedInRequest

SHOWN = 5  # deliveries of each webhook


@require_safe
@never_cache
@login_required
def webhooks(request: SignedInRequest) -> HttpResponse:
    """One's own webhooks with what they were told last, and a form for another."""
    return _page(request, request.user, NewWebhookForm())


@require_POST
@never_cache
def webhook_create(request: HttpRequest) -> HttpResponse:
    """Makes a webhook, and shows its secret this once. Not a redirect, since it is not shown again."""
    if not request.user.is_authenticated:
        return redirect_to_login(reverse("webhooks"))
    form = NewWebhookForm(request.POST)
    if not form.is_valid():
        return _page(request, request.user, form, status=400)
    try:
        made = services.webhook_create(owner=request.user, **form.cleaned_data)
    except WebhookRefused as refusal:
        form.add_error(refusal.field, str(refusal))
        return _page(request, request.user, form, status=400)
    return _page(request, request.user, NewWebhookForm(), made=made)


@require_POST
def webhook_change(request: HttpRequest) -> HttpResponse:
    """Pauses one of one's own webhooks, lets it go on, tries it, sends something again, or deletes it, having asked."""
    if not request.user.is_authenticated:
        return redirect_to_login(reverse("webhooks"))
    form = WebhookDeedForm(request.POST)
    if not form.is_valid():
        raise Http404
    webhook = services.webhooks_of(request.user).filter(uuid=form.cleaned_data["webhook"]).first()
    if webhook is None:
        raise Http404
    said = form.cleaned_data
    if said["do"] == "delete" and not said["sure"]:
        return render(request, "api/webhook_delete.html", {"webhook": webhook})
    messages.success(request, _do(webhook, request.user, said["do"], said["delivery"]))
    return redirect("webhooks")


def _do(webhook: Webhook, person: User, deed: str, delivery: UUID | None) -> str:
    """Does it, and says so."""
    match deed:
        case "pause":
            services.webhook_change(webhook=webhook, is_active=False)
            return _("The webhook is paused: it isn't told what happens meanwhile.")
        case "resume":
            services.webhook_change(webhook=webhook, is_active=True)
            return _("The webhook goes on.")
        case "delete":
            services.webhook_delete(webhook=webhook, actor=person)
            return _("The webhook is deleted.")
        case "again":
            found = services.deliveries_of(webhook).filter(uuid=delivery).first() if delivery else None
            if found is None:
                raise Http404
            services.delivery_again(delivery=found)
            return _("It is sent again. Reload this page in a moment to see what became of it.")
    services.webhook_ping(webhook=webhook)
    return _("A ping is on its way. Reload this page in a moment to see what became of it.")


def _page(
    request: HttpRequest,
    owner: User,
    form: NewWebhookForm,
    *,
    made: services.NewWebhook | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {"form": form, "made": made, "webhooks": services.webhooks_with_last(owner, SHOWN)}
    return render(request, "api/webhooks.html", context, status=status)
