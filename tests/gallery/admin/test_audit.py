"""The audit log in the admin."""

import pytest
from django.test import Client

from captioning.models import Caption
from gallery import audit
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


@pytest.mark.parametrize(
    ("details", "english", "german"),
    [
        ({"number": 1234}, "number: 1,234", "Anzahl: 1.234"),
        (
            {"fields": ["quota_bytes", "is_staff"], "quota_bytes": 5_000_000, "is_staff": False},
            "fields: quota, is staff; is staff: no; quota: 5 MB",
            "Felder: Speichergrenze, im Team; im Team: nein; Speichergrenze: 5 MB",
        ),
        ({"expires_at": "2026-12-04T09:21:33+00:00", "label": ""}, "expires at: 4 December 2026, 09:21; label: –", ""),
        ({"expires_at": None, "role": "add"}, "expires at: –; role: add", ""),
    ],
)
def test_details_are_words(
    admin_client: Client, admin: User, details: dict[str, object], english: str, german: str
) -> None:
    audit.record(admin, "account.change", "ada", **details)
    entry = AuditEntry.objects.get(action="account.change")
    for page in (address(AuditEntry, "changelist"), address(AuditEntry, "change", entry.pk)):
        assert english in admin_client.get(page).content.decode()
        assert german in admin_client.get(page, HTTP_ACCEPT_LANGUAGE="de").content.decode()


def test_work_is_named_as_people_call_it(admin_client: Client, admin: User) -> None:
    audit.record(admin, "work.again", "text", number=2)
    assert "Text in it" in admin_client.get(address(AuditEntry, "changelist")).content.decode()
