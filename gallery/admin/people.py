"""People, and who may join them, for those who run the place."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, SetUnusablePasswordMixin, UserChangeForm
from django.db import transaction
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery import accounts, invitations
from gallery.admin.base import ModelAdmin
from gallery.models import Image, Invitation, User
from gallery.quotas import in_words, limit_of

if TYPE_CHECKING:  # generic for the type checker alone
    _UserAdmin = DjangoUserAdmin[User]
    _UserChangeForm = UserChangeForm[User]
    _PasswordForm = AdminPasswordChangeForm[User]
else:
    _UserAdmin = DjangoUserAdmin
    _UserChangeForm = UserChangeForm
    _PasswordForm = AdminPasswordChangeForm

_Answer = TypeVar("_Answer")


def _staff(request: HttpRequest) -> User:
    return cast(User, request.user)


class PersonForm(_UserChangeForm):
    """Leaves the site its last administrator."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        lost = [name for name in ("is_active", "is_superuser") if cleaned.get(name) is False]
        try:
            if lost:
                accounts.administrators_check(without=[self.instance])
        except accounts.OnlyAdministrator as only:
            self.add_error(lost[0], str(only))
        return cleaned


class PasswordForm(_PasswordForm):
    """Likewise: whoever has no password doesn't sign in here."""

    # Django joins these two when it is imported, in the language of then
    usable_password_help_text = format_lazy(  # type: ignore[assignment]  # lazy in Django itself
        '{}<ul id="id_unusable_warning" class="messagelist"><li class="warning">{}</li></ul>',
        SetUnusablePasswordMixin.usable_password_help_text,
        gettext_lazy("If disabled, the current password for this user will be lost."),
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        try:
            if not cleaned.get("set_usable_password", True):
                accounts.administrators_check(without=[self.user])
        except accounts.OnlyAdministrator as only:
            self.add_error("usable_password", str(only))
        return cleaned


@admin.register(User)
class UserAdmin(_UserAdmin):
    list_display = ("username", "email", "pictures", "room", "is_staff", "is_active", "date_joined", "last_login")
    fieldsets = (
        *(DjangoUserAdmin.fieldsets or ()),
        (gettext_lazy("In the gallery"), {"fields": ("display_name", "about", "room", "quota_bytes")}),
    )
    readonly_fields = ("room", "last_login", "date_joined")
    actions = ("make_password_link",)
    form = PersonForm
    change_password_form = PasswordForm

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        people: QuerySet[User] = super().get_queryset(request)
        kept = Count("images", filter=Q(images__trashed_at=None))
        return people.annotate(number=kept, used=Coalesce(Sum("images__byte_size"), 0))

    @admin.display(description=gettext_lazy("pictures"), ordering="number")
    def pictures(self, user: Any) -> int:
        return int(user.number)

    @admin.display(description=gettext_lazy("room taken"), ordering="used")
    def room(self, user: Any) -> str:
        """By originals, those in the trash too; and of how much."""
        limit = limit_of(user)
        if limit is None:
            return in_words(user.used)
        return _("%(done)s of %(total)s") % {"done": in_words(user.used), "total": in_words(limit)}

    def get_deleted_objects(
        self, objs: Sequence[User] | QuerySet[User], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """What belongs to people goes with them, without a permission for each part of it; their pictures too, which
        are protected from everything but services.users_delete. It is counted, not named, since it may be private.
        Raises OnlyAdministrator."""
        found: Any = super().get_deleted_objects(objs, request)
        _named, counts, _lacking, images = found
        if images:
            counts = {**counts, Image._meta.verbose_name_plural: len(images)}
        accounts.administrators_check(without=objs, by=_staff(request))
        return [str(user) for user in objs], counts, set(), []

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self._or_refused(request, partial(super().delete_view, request, object_id, extra_context))

    def response_action(self, request: HttpRequest, queryset: QuerySet[User], *where: Any) -> HttpResponse | None:
        return self._or_refused(request, partial(super().response_action, request, queryset, *where))

    def _or_refused(self, request: HttpRequest, do: Callable[[], _Answer]) -> _Answer | HttpResponse:
        """Where people go, in one transaction, so that no other administrator is lost between the question whether all
        may and their going; whoever only looks holds up nobody. Who may not is a sentence above the list."""
        try:
            with transaction.atomic() if request.POST.get("post") else nullcontext():
                return do()
        except accounts.OnlyAdministrator as only:
            self.message_user(request, str(only), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:gallery_user_changelist"))

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        accounts.account_changed(user=obj, by=_staff(request), changed=form.changed_data, is_new=not change)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        before = self.get_object(request, unquote(id))
        response = super().user_change_password(request, id, form_url)
        after = self.get_object(request, unquote(id))
        if before and after and before.password != after.password:
            accounts.password_changed(user=after, by=_staff(request), keep=request.session.session_key)
        return response

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        accounts.accounts_delete(users=[obj], by=_staff(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        accounts.accounts_delete(users=queryset, by=_staff(request))

    @admin.action(description=gettext_lazy("Make a link for a new password"), permissions=["change"])
    def make_password_link(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """To pass on where the site sends no mail."""
        for user in queryset[:20]:
            if user.is_superuser and not _staff(request).is_superuser:
                told = _("Only an administrator may do that for %(username)s.") % {"username": user}
                self.message_user(request, told, messages.ERROR)
                continue
            link = request.build_absolute_uri(accounts.password_link(user=user, by=_staff(request)))
            told = _("For %(username)s, once and within a day: %(link)s") % {"username": user, "link": link}
            self.message_user(request, told, messages.SUCCESS)


@admin.register(Invitation)
class InvitationAdmin(ModelAdmin):
    list_display = ("__str__", "invited_by", "created_at", "expires_at", "used_at", "used_by")
    list_filter = ("used_at", "expires_at")
    list_select_related = ("invited_by", "used_by")
    search_fields = ("email", "invited_by__username", "used_by__username")
    ordering = ("-pk",)
    fields = ("email", "expires_at")
    view_on_site = False
    readonly_fields = ("link",)

    @admin.display(description=gettext_lazy("link"))
    def link(self, invitation: Invitation) -> str:
        """The path of the page where it is used."""
        return invitation.get_absolute_url()

    def get_fields(self, request: HttpRequest, obj: Invitation | None = None) -> Any:
        return ("link", "invited_by", "email", "created_at", "expires_at", "used_at", "used_by") if obj else self.fields

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"expires_at": timezone.now() + invitations.USUAL_TIME, **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        made = invitations.invitation_create(by=_staff(request), expires_at=obj.expires_at, email=obj.email)
        obj.pk, obj.key = made.pk, made.key
        link = request.build_absolute_uri(made.get_absolute_url())
        told = _("Pass the link on, it is not sent: %(link)s") % {"link": link}
        self.message_user(request, told, messages.INFO)

    def delete_model(self, request: HttpRequest, obj: Invitation) -> None:
        invitations.invitations_delete(invitations=[obj], by=_staff(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        invitations.invitations_delete(invitations=queryset, by=_staff(request))
