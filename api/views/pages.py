"""The page of one's own tokens."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from api import tokens as services
from api.exceptions import TokenRefused
from api.forms import NewTokenForm
from api.models import Token
from gallery.models import User
from gallery.numbers import whole
from gallery.views.access import SignedInRequest


@require_safe
@never_cache
@login_required
def tokens(request: SignedInRequest) -> HttpResponse:
    """One's own tokens, and a form for another."""
    return _page(request, request.user, NewTokenForm(owner=request.user))


@require_POST
@never_cache
def token_create(request: HttpRequest) -> HttpResponse:
    """Makes a token, and shows its secret this once. Not a redirect, since the secret is kept nowhere."""
    if not request.user.is_authenticated:
        return redirect_to_login(reverse("tokens"))
    form = NewTokenForm(request.POST, owner=request.user)
    if not form.is_valid():
        return _page(request, request.user, form, status=400)
    said = form.cleaned_data
    try:
        made = services.token_create(
            owner=request.user, name=said["name"], scopes=said["scopes"], expires_at=form.expires_at()
        )
    except TokenRefused as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        return _page(request, request.user, form, status=400)
    return _page(request, request.user, NewTokenForm(owner=request.user), made=made)


@require_POST
def token_revoke(request: HttpRequest) -> HttpResponse:
    """Asks first, and revokes one of one's own tokens when they are `sure`."""
    if not request.user.is_authenticated:
        return redirect_to_login(reverse("tokens"))
    token = Token.objects.filter(owner=request.user, pk=whole(request.POST.get("token", "")) or 0).first()
    if token is None:
        raise Http404
    if "sure" not in request.POST:
        return render(request, "api/token_revoke.html", {"token": token})
    services.token_revoke(token=token, actor=request.user)
    messages.success(request, _("The token “%(name)s” lets nobody in any more.") % {"name": token.name})
    return redirect("tokens")


def _page(
    request: HttpRequest,
    owner: User,
    form: NewTokenForm,
    *,
    made: services.NewToken | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {"form": form, "made": made, "tokens": services.tokens_of(owner), "scopes": dict(Token.Scope.choices)}
    return render(request, "api/tokens.html", context, status=status)
