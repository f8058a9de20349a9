"""Signing in, up and out."""

from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.views import LoginView, LogoutView, RedirectURLMixin
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.views.generic import FormView

from gallery.forms import SignUpForm


class SignIn(LoginView):
    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True


class SignUp(RedirectURLMixin, FormView[SignUpForm]):
    """Makes an account and signs it in; absent where `settings.SIGN_UP` is off."""

    template_name = "accounts/sign_up.html"
    form_class = SignUpForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.SIGN_UP:
            raise Http404
        if request.user.is_authenticated:
            return HttpResponseRedirect(self.get_success_url())
        return super().dispatch(request, *args, **kwargs)

    def get_default_redirect_url(self) -> str:
        return str(LoginView.get_default_redirect_url(self))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs, next=self.get_redirect_url())

    def form_valid(self, form: BaseForm) -> HttpResponse:
        login(self.request, form.save())
        return HttpResponseRedirect(self.get_success_url())


class SignOut(LogoutView):
    http_method_names = ("post", "options")
