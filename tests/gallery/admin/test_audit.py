"""The audit log in the admin."""

from django.test import Client

from captioning.models import Caption
from gallery.models import AuditEntry, Image, User
from tests.gallery.admin.asking import address


def test_the_audit_log_is_for_looking_at(admin_client: Client, image: Image) -> None:
    entry = AuditEntry.objects.get(action="album.share")
    assert admin_client.post(address(AuditEntry, "change", entry.pk), {"target": "x"}).status_code == 403
    assert admin_client.post(address(AuditEntry, "delete", entry.pk), {"post": "yes"}).status_code == 403
    listed = admin_client.get(address(AuditEntry, "changelist"), {"action": "album.share"})
    assert "Sunsets" in listed.content.decode()


def test_what_staff_change_by_hand_is_recorded_without_what_it_says(
    admin_client: Client, admin: User, image: Image
) -> None:
    admin_client.post(address(Image, "change", image.pk), {"visibility": "public"})
    admin_client.post(address(Caption, "change", Caption.objects.get().pk), {"text": "a secret place"})
    admin_client.post(address(Image, "delete_for_good", image.pk))
    entries = AuditEntry.objects.filter(actor=admin).order_by("pk")
    assert [entry.action for entry in entries] == ["image.change", "caption.change", "image.delete"]
    assert not any("secret" in f"{entry.target} {entry.details}" for entry in entries)
