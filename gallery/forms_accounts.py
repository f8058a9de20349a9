"""What people fill in about themselves, and about those who may join them."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib.auth.forms import PasswordChangeForm as DjangoPasswordChangeForm
from django.contrib.auth.forms import PasswordResetForm as DjangoPasswordResetForm
from django.contrib.auth.forms import UserCreationForm
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery import mail
from gallery.forms import NameField
from gallery.models import User
from gallery.sign_in import is_password_of

HOUR = 60 * 60

if TYPE_CHECKING:  # generic for the type checker alone
    _UserCreationForm = UserCreationForm[User]
else:
    _UserCreationForm = UserCreationForm


class SignUpForm(_UserCreationForm):
    """A new account. An e-mail address is needed where the site sends mail."""

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username", "email")
        labels: ClassVar = {"email": gettext_lazy("E-mail address")}
        help_texts: ClassVar = {"username": gettext_lazy("Letters, digits and @ . + - _")}
        widgets: ClassVar = {"email": forms.EmailInput(attrs={"autocomplete": "email"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        email = self.fields["email"]
        email.required = mail.sends_mail()
        email.help_text = (
            _("You get a link there when you forget your password. Nobody else sees it.")
            if email.required
            else _("May be left out: this site sends no mail.")
        )


class ProfileForm(forms.Form):
    """What others read about somebody."""

    display_name = NameField(
        label=gettext_lazy("Name to show"),
        required=False,
        max_length=100,
        help_text=gettext_lazy("Left empty, it is your user name."),
    )
    about = NameField(
        label=gettext_lazy("About you"),
        required=False,
        max_length=300,
        help_text=gettext_lazy("A line for your page, which shows your public pictures to everyone."),
    )


class EmailForm(forms.Form):
    """An e-mail address, or none."""

    email = forms.EmailField(
        label=gettext_lazy("E-mail address"),
        required=False,
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )


class DeleteAccountForm(forms.Form):
    """Somebody's user name and password, so that nobody deletes an account by mistake, or another's."""

    username = forms.CharField(
        label=gettext_lazy("Your user name"), widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    password = forms.CharField(
        label=gettext_lazy("Your password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request, self.user = request, user

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"]
        if username != self.user.username:
            raise forms.ValidationError(_("That is not your user name."))
        return username

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not is_password_of(self.user, password, request=self.request):
            raise forms.ValidationError(_("That is not your password."))
        return password


class PasswordChangeForm(DjangoPasswordChangeForm):
    """Django's own, which bounds how often the old password is guessed."""

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        if not is_password_of(self.user, password, request=self.request):
            raise forms.ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return password


class InvitationForm(forms.Form):
    """How long an invitation holds, and whom to send it to, where the site sends mail."""

    days = forms.TypedChoiceField(
        label=gettext_lazy("Good for"),
        coerce=int,
        choices=[(1, gettext_lazy("a day")), (7, gettext_lazy("a week")), (30, gettext_lazy("30 days"))],
        initial=7,
    )
    email = forms.EmailField(
        label=gettext_lazy("Send it to"),
        required=False,
        max_length=254,
        help_text=gettext_lazy("Left empty, you get a link to pass on."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not mail.sends_mail():
            del self.fields["email"]


class PasswordResetForm(DjangoPasswordResetForm):
    """Django's own, but it keeps nobody waiting, sends an address three mails an hour at most, and names the site as
    `mail.site_url` does."""

    email = forms.EmailField(
        label=gettext_lazy("E-mail address"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )

    def save(self, *args: Any, **kwargs: Any) -> None:
        scheme, _sign, host = mail.site_url(kwargs["request"]).partition("://")
        too_often = mail.is_too_often("reset", self.cleaned_data["email"], most=3, seconds=HOUR)
        if not too_often and not mail.is_too_often("reset", "", most=100, seconds=HOUR):
            named = {"domain_override": host, "use_https": scheme == "https"}
            super().save(*args, **kwargs | named)

    def send_mail(  # noqa: PLR0917 (as Django has it)
        self,
        subject_template_name: str,
        email_template_name: str,
        context: dict[str, Any],
        from_email: str | None,
        to_email: str,
        html_email_template_name: str | None = None,
    ) -> None:
        mail.mail_send_later(to=to_email, template=email_template_name, **context)
