"""What opens the API and what it tells, for those who run the place; to look at, since owners change it themselves."""

from typing import cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from api import webhooks
from api.models import IdempotencyKey, Token, Webhook, WebhookDelivery
from gallery.admin import ReadOnlyAdmin
from gallery.models import User


@admin.register(Token)
class TokenAdmin(ReadOnlyAdmin):
    list_display = ("name", "prefix", "owner", "may", "created_at", "last_used_at", "expires_at", "revoked_at")
    list_filter = ("created_at",)
    list_select_related = ("owner",)
    search_fields = ("name", "prefix", "owner__username")
    ordering = ("-pk",)
    fields = list_display
    readonly_fields = ("may",)

    @admin.display(description=_("scopes"))
    def may(self, token: Token) -> str:
        return ", ".join(token.scopes)


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    list_display = ("key", "owner", "status", "created_at")
    list_select_related = ("owner",)
    search_fields = ("key", "owner__username")
    ordering = ("-pk",)
    fields = list_display


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    """Whom people have told. Of the address the host alone: what follows it is often all that a receiver asks for."""

    list_display = ("host", "owner", "told", "is_active", "failures", "note", "created_at")
    list_filter = ("is_active", "created_at")
    list_select_related = ("owner",)
    search_fields = ("owner__username", "uuid", "note")
    ordering = ("-pk",)
    fields = (*list_display, "uuid")
    readonly_fields = ("host", "told")
    actions = ("switch_off",)

    @admin.display(description=_("host"))
    def host(self, webhook: Webhook) -> str:
        return str(webhook)

    @admin.display(description=_("events"))
    def told(self, webhook: Webhook) -> str:
        return ", ".join(webhook.events)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whoever might change webhooks may switch them off."""
        return request.user.has_perm("api.change_webhook")

    @admin.action(description=_("Switch off: tell it nothing more"), permissions=["operate"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        number = webhooks.webhooks_switch_off(webhooks=queryset, by=cast(User, request.user))
        told = ngettext("%(number)s webhook is switched off.", "%(number)s webhooks are switched off.", number)
        self.message_user(request, told % {"number": number}, messages.SUCCESS)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    """What webhooks were told, but for what it said of pictures: that is their owner's."""

    list_display = ("event", "webhook", "state", "attempts", "status", "error", "created_at", "finished_at")
    list_filter = ("state", "event", "created_at")
    list_select_related = ("webhook",)
    search_fields = ("webhook__owner__username", "webhook__uuid", "uuid", "error")
    ordering = ("-pk",)
    fields = (*list_display, "due_at", "uuid")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookDelivery]:
        queryset: QuerySet[WebhookDelivery] = super().get_queryset(request)
        return queryset.defer("payload")
