"""Signing in, up and out, and a new password for those who forgot theirs."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.views import (
    LoginView,
    LogoutView,
    PasswordResetConfirmView,
    PasswordResetDoneView,
    PasswordResetView,
    RedirectURLMixin,
)
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render, resolve_url
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from gallery import sessions
from gallery.accounts import account_create, password_changed
from gallery.forms_accounts import PasswordResetForm, SignUpForm
from gallery.invitations import InvitationSpent, invitation_find
from gallery.mail import sends_mail
from gallery.models import Invitation, User
from gallery.sign_in import browser_note
from gallery.tries import bound_of, tries_check
from gallery.views.access import address_of
from gallery.views.account import confirmation_send

if TYPE_CHECKING:  # generic for the type checker alone
    _FormView = FormView[SignUpForm]
else:
    _FormView = FormView


class SignIn(LoginView):
    """Django's own; an address to go on to is followed within this site only."""

    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs, by_invitation=settings.SIGN_UP == "invited")


class SignUp(RedirectURLMixin, _FormView):
    """Makes an account and signs it in: for everybody where `settings.SIGN_UP` says so, else by invitation."""

    template_name = "accounts/sign_up.html"
    form_class = SignUpForm
    invitation: Invitation | None = None

    @method_decorator(sensitive_post_parameters())
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        key = kwargs.get("key")
        if settings.SIGN_UP == "closed" or (settings.SIGN_UP != "open" and key is None):
            raise Http404
        if request.user.is_authenticated:
            return HttpResponseRedirect(self.get_success_url())
        if key is not None:
            self.invitation = invitation_find(key)
            if self.invitation is None:
                return _invitation_spent(request)
        return super().dispatch(request, *args, **kwargs)

    def get_default_redirect_url(self) -> str:
        return resolve_url(settings.LOGIN_REDIRECT_URL)

    def get_initial(self) -> dict[str, Any]:
        return {"email": self.invitation.email} if self.invitation else {}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs, next=self.get_redirect_url(), invitation=self.invitation)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        tries_check(bound_of("sign-up", address_of(request)))
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: SignUpForm) -> HttpResponse:
        user = form.save(commit=False)
        email = user.email
        if sends_mail():
            user.email = ""  # until the person has shown that it is theirs
        try:
            account_create(user=user, invitation=self.invitation)
        except InvitationSpent:
            return _invitation_spent(self.request)
        login(self.request, user)
        if sends_mail():
            confirmation_send(self.request, user, email)
        return HttpResponseRedirect(self.get_success_url())


def _invitation_spent(request: HttpRequest) -> HttpResponse:
    context = {"status": 404, "heading": _("This invitation holds no longer"), "sentence": str(InvitationSpent())}
    return render(request, "error.html", context, status=404)


class SignOut(LogoutView):
    """By POST alone, so that no link or picture of another site can do it."""

    http_method_names = ("post", "options")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        sessions.session_forget(session_key=request.session.session_key)
        return super().post(request, *args, **kwargs)


class PasswordReset(PasswordResetView):
    """Sends a link for a new password, and answers the same whether or not somebody here has that address."""

    template_name = "accounts/password_reset.html"
    email_template_name = "password_reset"
    form_class = PasswordResetForm
    success_url = reverse_lazy("password-reset-sent")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs, sends_mail=sends_mail())

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not sends_mail():
            return self.get(request, *args, **kwargs)
        tries_check(bound_of("password-reset", address_of(request)))
        return super().post(request, *args, **kwargs)


class PasswordResetSent(PasswordResetDoneView):
    """What to do now."""

    template_name = "accounts/password_reset_sent.html"


class PasswordResetConfirm(PasswordResetConfirmView):
    """Sets a new password for whoever comes by a link that holds; ends all sessions of theirs."""

    template_name = "accounts/password_reset_confirm.html"
    success_url = reverse_lazy("sign-in")
    user: User

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        if self.request.user.is_authenticated:
            logout(self.request)  # whose session may be one of those that end: it can't be saved any more
        password_changed(user=self.user, by=self.user)
        browser_note(request=self.request, user=self.user)
        messages.success(self.request, _("Your password is set. Sign in with it."))
        return response
