"""What opens the API, for those who run the place; to look at, since services and their owners change it."""

from django.contrib import admin

from api.models import IdempotencyKey, Token
from gallery.admin import ReadOnlyAdmin


@admin.register(Token)
class TokenAdmin(ReadOnlyAdmin):
    list_display = ("name", "prefix", "owner", "scopes", "created_at", "last_used_at", "expires_at", "revoked_at")
    list_filter = ("created_at",)
    list_select_related = ("owner",)
    search_fields = ("name", "prefix", "owner__username")
    ordering = ("-pk",)
    fields = list_display


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    list_display = ("key", "owner", "status", "created_at")
    list_select_related = ("owner",)
    search_fields = ("key", "owner__username")
    ordering = ("-pk",)
    fields = list_display
