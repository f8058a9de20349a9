"""Addresses that open one file of a picture for a while to whoever has them: how a program hands a private picture to
another one, or to a browser, without its token.

The address is that of the file, with a signature of who gave it away, what it is of, and until when. Nothing is stored.
Each time, the view asks as well whether whoever signed may still see the picture.
"""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.core import signing
from django.urls import reverse
from django.utils import timezone

from gallery.models import Image, User

ORIGINAL = "original"
LONGEST = 60 * 60  # seconds: who keeps one for longer should have an account, or a link to an album
_SALT = "gallery.signed"


class SignedAddress(NamedTuple):
    """Where the file is, without the site's name, and until when."""

    path: str
    expires_at: datetime


def address_sign(*, image: Image, kind: str, by: User, seconds: int) -> SignedAddress:
    """An address of a rendition, or of the `original`, for so many seconds, LONGEST at most. That `by` may see it is
    for the caller to ask."""
    expires_at = timezone.now() + timedelta(seconds=min(seconds, LONGEST))
    signature = signing.dumps([by.pk, str(image.uuid), kind, int(expires_at.timestamp())], salt=_SALT)
    path = reverse("original", args=[image.uuid]) if kind == ORIGINAL else reverse("rendition", args=[image.uuid, kind])
    return SignedAddress(f"{path}?signature={signature}", expires_at)


def signer_of(signature: str, *, uuid: UUID, kind: str) -> User | None:
    """Who signed the address of this file; None where nobody did, it is over, or they are here no longer."""
    try:
        pk, signed_uuid, signed_kind, until = signing.loads(signature, salt=_SALT, max_age=LONGEST)
    except signing.BadSignature:
        return None
    if (signed_uuid, signed_kind) != (str(uuid), kind) or timezone.now().timestamp() >= until:
        return None
    return User.objects.filter(pk=pk, is_active=True).first()
