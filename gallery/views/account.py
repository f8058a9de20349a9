"""One's own account: what others read, e-mail address, password, where one is signed in, and the way out."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from gallery import accounts, invitations, mail, sessions
from gallery.forms import mistakes
from gallery.forms_accounts import HOUR, DeleteAccountForm, EmailForm, PasswordChangeForm, ProfileForm
from gallery.models import Image, User
from gallery.numbers import whole
from gallery.quotas import room_of
from gallery.views.access import SignedInRequest, sign_in_required


@require_http_methods(["GET", "HEAD", "POST"])
@sign_in_required
def account(request: SignedInRequest) -> HttpResponse:
    """All about one's account; POST sets what others read."""
    user = request.user
    if request.method != "POST":
        form = ProfileForm(initial={"display_name": user.display_name, "about": user.about})
        return _page(request, form)
    form = ProfileForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=400)
    accounts.profile_set(user=user, **form.cleaned_data)
    messages.success(request, _("Saved."))
    return redirect("account")


def _page(request: SignedInRequest, form: ProfileForm, *, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "email_form": EmailForm(initial={"email": request.user.email}, auto_id="email_%s"),
        "sends_mail": mail.sends_mail(),
        "room": room_of(request.user),
        "sessions": sessions.sessions_of(request.user),
        "session_key": request.session.session_key,
        "may_invite": invitations.may_invite(request.user),
    }
    return render(request, "accounts/account.html", context, status=status)


@require_POST
@sign_in_required
def email(request: SignedInRequest) -> HttpResponse:
    """Sets the e-mail address; where the site sends mail, once the link sent there was opened."""
    form = EmailForm(request.POST)
    if not form.is_valid():
        messages.error(request, mistakes(form))
        return redirect("account")
    address = form.cleaned_data["email"]
    if address == request.user.email:
        messages.info(
            request, _("That is your e-mail address already.") if address else _("There is no address to remove.")
        )
    elif address and mail.sends_mail():
        confirmation_send(request, request.user, address)
    else:
        accounts.email_set(user=request.user, email=address)
        messages.success(request, _("Your e-mail address is set.") if address else _("Your e-mail address is removed."))
    return redirect("account")


def confirmation_send(request: HttpRequest, user: User, address: str) -> None:
    """Sends `address` a link by which it becomes the user's, and says so."""
    often = [
        mail.is_too_often("confirm", address, most=3, seconds=HOUR),
        mail.is_too_often("confirm of", str(user.pk), most=5, seconds=HOUR),
    ]
    if any(often):
        messages.error(request, _("Those were many mails already. Try again in an hour."))
        return
    path = reverse("account-email-confirm", args=[accounts.email_token(user=user, email=address)])
    link = mail.site_url(request) + path
    if mail.mail_send(to=address, template="email_confirm", user=user, link=link, days=accounts.EMAIL_DAYS):
        messages.info(
            request,
            _("A mail is on its way to %(address)s. Open the link in it to make the address yours.")
            % {"address": address},
        )
    else:
        messages.error(request, _("The mail could not be sent. Try again later, on this page of your account."))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def email_confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Asks for a press, since programs that look through mail open links too; then sets the address."""
    found = accounts.email_of_token(token)
    if found is None:
        context = {
            "status": 404,
            "heading": _("This link holds no longer"),
            "sentence": _("It was used, or is too old. Set your e-mail address again on the page of your account."),
        }
        return render(request, "error.html", context, status=404)
    user, address = found
    if request.method != "POST":
        return render(request, "accounts/email_confirm.html", {"person": user, "address": address})
    accounts.email_set(user=user, email=address)
    messages.success(
        request,
        _("%(address)s is now the e-mail address of %(username)s.") % {"address": address, "username": user.username},
    )
    return redirect("account" if request.user.is_authenticated else "sign-in")


class PasswordChange(PasswordChangeView):
    """Django's own: this session goes on, the others end."""

    template_name = "accounts/password_change.html"
    form_class = PasswordChangeForm
    success_url = reverse_lazy("account")

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"request": self.request}

    def form_valid(self, form: Any) -> HttpResponse:
        before = self.request.session.session_key
        response = super().form_valid(form)
        user = form.user
        sessions.session_rename(user=user, before=before, session_key=self.request.session.session_key)
        accounts.password_changed(user=user, by=user, keep=self.request.session.session_key)
        messages.success(self.request, _("Your password is changed. Everywhere else you are signed out."))
        return response


@require_POST
@sign_in_required
def sessions_end(request: SignedInRequest) -> HttpResponse:
    """Ends one of one's sessions, by `session`, or without it all but this one."""
    given = request.POST.get("session", "")
    session_id = whole(given)
    if not given:
        count = sessions.sessions_end_others(user=request.user, by=request.user, keep=request.session.session_key)
        messages.success(
            request, _("Everywhere else you are signed out.") if count else _("You are signed in here only.")
        )
    elif session_id is not None and sessions.session_end(user=request.user, session_id=session_id):
        messages.success(request, _("You are signed out there."))
    else:
        messages.info(request, _("You are signed out there already."))
    return redirect("account")


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
@sign_in_required
def delete(request: SignedInRequest) -> HttpResponse:
    """Says what goes, and deletes all of it once user name and password are given."""
    user = request.user
    form = DeleteAccountForm(request.POST or None, request=request, user=user)
    obstacle = ""
    try:
        accounts.account_check_deletable(user=user)
        if request.method == "POST" and form.is_valid():
            accounts.accounts_delete(users=[user], by=user)
            logout(request)
            messages.success(request, _("Your account and your pictures are deleted."))
            return redirect("library")
    except accounts.OnlyAdministrator as only:
        obstacle = str(only)
    context = {
        "form": form,
        "obstacle": obstacle,
        "pictures": Image.with_trash.filter(owner=user).count(),
        "albums": user.albums.count(),
    }
    return render(request, "accounts/delete.html", context, status=400 if request.method == "POST" else 200)
