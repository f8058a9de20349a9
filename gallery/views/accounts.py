"""Signing in, up and out."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.views import LoginView, LogoutView, RedirectURLMixin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.views.generic import FormView

from gallery.forms import SignUpForm

if TYPE_CHECKING:  # generic for the type checker alone
    _FormView = FormView[SignUpForm]
else:
    _FormView = FormView


class SignIn(LoginView):
    """Django's own; an address to go on to is followed within this site only."""

    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True


class SignUp(RedirectURLMixin, _FormView):
    """Makes an account and signs it in; absent where `settings.SIGN_UP` is off."""

    template_name = "accounts/sign_up.html"
    form_class = SignUpForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if settings.SIGN_UP != "open":
            raise Http404
        if request.user.is_authenticated:
            return HttpResponseRedirect(self.get_success_url())
        return super().dispatch(request, *args, **kwargs)

    def get_default_redirect_url(self) -> str:
        return resolve_url(settings.LOGIN_REDIRECT_URL)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs, next=self.get_redirect_url())

    def form_valid(self, form: SignUpForm) -> HttpResponse:
        login(self.request, form.save())
        return HttpResponseRedirect(self.get_success_url())


class SignOut(LogoutView):
    """By POST alone, so that no link or picture of another site can do it."""

    http_method_names = ("post", "options")
