"""Webhooks in the admin: seen without what opens them, and switched off."""

from importlib import import_module

from django.apps import apps
from django.contrib.auth.models import Permission
from django.test import Client

from api.models import Webhook, WebhookDelivery
from api.webhooks import webhook_delete
from gallery.models import AuditEntry, Image, User
from tests.gallery.admin.asking import act, address


def test_neither_secrets_nor_what_follows_the_host_are_shown(admin_client: Client, admin: User, image: Image) -> None:
    webhook, delivery = Webhook.objects.get(), WebhookDelivery.objects.get()
    act(admin_client, Webhook, "switch_off", webhook)
    pages = [
        address(Webhook, "changelist"),
        address(Webhook, "change", webhook.pk),
        address(Webhook, "history", webhook.pk),
        address(WebhookDelivery, "changelist"),
        address(WebhookDelivery, "change", delivery.pk),
    ]
    shown = {page: admin_client.get(page).content.decode() for page in pages}
    webhook_delete(webhook=webhook, actor=image.owner)
    shown["log"] = admin_client.get(address(AuditEntry, "changelist")).content.decode()
    for page, text in shown.items():
        assert "https://hooks.example.com/…" in text, page
        for secret in ("the-path", "the-query", webhook.secret, delivery.key, image.file_name):
            assert secret not in text, page


def test_neither_are_they_found(admin_client: Client, image: Image) -> None:
    for words in ("the-path", "the-query", "whsec"):
        for model in (Webhook, WebhookDelivery):
            assert not admin_client.get(address(model, "changelist"), {"q": words}).context["cl"].result_count
    for hidden in ("url__startswith", "secret__startswith"):
        assert admin_client.get(address(Webhook, "changelist"), {hidden: "h"}).status_code == 400


def test_they_are_switched_off_and_their_owner_reads_why(admin_client: Client, admin: User, image: Image) -> None:
    webhook = Webhook.objects.get()
    assert "1 webhook is switched off." in act(admin_client, Webhook, "switch_off", webhook).content.decode()
    webhook.refresh_from_db()
    assert not webhook.is_active
    assert "switched off by those who run this site" in webhook.note
    entry = AuditEntry.objects.get(action="webhook.pause")
    assert (entry.actor, entry.details) == (admin, {"owner": image.owner.username})
    act(admin_client, Webhook, "switch_off", webhook)
    assert AuditEntry.objects.filter(action="webhook.pause").count() == 1, "it was off already"


def test_whoever_may_only_look_switches_nothing_off(image: Image, other_user: User) -> None:
    User.objects.filter(pk=other_user.pk).update(is_staff=True)
    other_user.user_permissions.add(Permission.objects.get(codename="view_webhook"))
    client = Client()
    client.force_login(other_user)
    assert client.get(address(Webhook, "changelist")).status_code == 200
    act(client, Webhook, "switch_off", Webhook.objects.get())
    assert Webhook.objects.get().is_active


def test_deliveries_are_for_looking_at(admin_client: Client, image: Image) -> None:
    delivery = WebhookDelivery.objects.get()
    assert admin_client.post(address(WebhookDelivery, "change", delivery.pk), {"state": "failed"}).status_code == 403
    assert admin_client.post(address(WebhookDelivery, "delete", delivery.pk), {"post": "yes"}).status_code == 403


def test_the_log_forgets_addresses_that_it_kept_whole(image: Image) -> None:
    AuditEntry.objects.create(action="webhook.delete", target="https://who:word@hooks.example.com:8443/a?b=c")
    AuditEntry.objects.create(action="album.share", target="https://example.com/a")
    import_module("api.migrations.0003_hosts_in_the_log").keep_hosts(apps, None)
    assert AuditEntry.objects.get(action="webhook.delete").target == "https://hooks.example.com:8443/…"
    assert AuditEntry.objects.filter(target="https://example.com/a").exists()
