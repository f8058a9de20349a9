"""People, and who may join them, for those who run the place."""

from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html

from gallery import accounts, invitations
from gallery.admin.base import ModelAdmin, PicturesCountedMixin, PicturesGoAlongMixin
from gallery.models import Invitation, User

if TYPE_CHECKING:  # generic for the type checker alone
    _UserAdmin = DjangoUserAdmin[User]
else:
    _UserAdmin = DjangoUserAdmin


def _staff(request: HttpRequest) -> User:
    return cast(User, request.user)


@admin.register(User)
class UserAdmin(PicturesGoAlongMixin, PicturesCountedMixin, _UserAdmin):
    list_display = ("username", "email", "pictures", "is_staff", "is_active", "date_joined", "last_login")
    fieldsets = (
        *(DjangoUserAdmin.fieldsets or ()),
        ("In the gallery", {"fields": ("display_name", "about", "quota_bytes")}),
    )
    actions = ("make_password_link",)

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

    @admin.action(description="Make a link for a new password", permissions=["change"])
    def make_password_link(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """To pass on where the site sends no mail."""
        for user in queryset[:20]:
            if user.is_superuser and not _staff(request).is_superuser:
                self.message_user(request, f"Only an administrator may do that for {user}.", messages.ERROR)
                continue
            link = request.build_absolute_uri(accounts.password_link(user=user, by=_staff(request)))
            self.message_user(request, format_html("For {}, once and within a day: {}", user, link), messages.SUCCESS)


@admin.register(Invitation)
class InvitationAdmin(ModelAdmin):
    list_display = ("__str__", "email", "invited_by", "created_at", "expires_at", "used_at", "used_by")
    list_filter = ("used_at", "expires_at")
    list_select_related = ("invited_by", "used_by")
    search_fields = ("email", "invited_by__username", "used_by__username")
    ordering = ("-pk",)
    fields = ("email", "expires_at")
    readonly_fields = ("link",)

    @admin.display(description="link")
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
        self.message_user(request, f"Pass the link on, it is not sent: {link}", messages.INFO)

    def delete_model(self, request: HttpRequest, obj: Invitation) -> None:
        invitations.invitations_delete(invitations=[obj], by=_staff(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        invitations.invitations_delete(invitations=queryset, by=_staff(request))
