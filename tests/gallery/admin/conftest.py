"""Somebody who runs the place, and a picture of somebody else's with all that belongs to one."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone
from PIL import Image as PILImage

from api.models import IdempotencyKey, Webhook
from api.tokens import token_create
from api.webhooks import webhook_create, webhook_ping
from captioning import services as captioning_services
from gallery import audit, services
from gallery.albums import album_create
from gallery.invitations import invitation_create
from gallery.models import Album, AlbumLink, AlbumMember, Image, Pause, Upload, User
from gallery.tags import images_tag
from reading.models import Reading
from search import services as search_services
from search import versions
from search.models import CaptionEmbedding, IndexCursor, Judgement, ModelVersion


@pytest.fixture
def admin(db: None) -> User:
    return User.objects.create_superuser("root", password="of all trees")


@pytest.fixture
def admin_client(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


@pytest.fixture
def version(db: None) -> ModelVersion:
    return versions.model_version_ensure()


@pytest.fixture
def image(make_image: Callable[..., Image], version: ModelVersion) -> Image:
    """A private picture of somebody else, with all that the worker adds."""
    image = make_image("red", name="sunset.jpg")
    picture = PILImage.new("RGB", (64, 48), "red")
    services.renditions_create(image=image, picture=picture)
    images_tag(owner=image.owner, images=Image.objects.all(), names=["sun"])
    album = album_create(owner=image.owner, title="Sunsets")
    Album.objects.filter(pk=album.pk).update(cover=image)
    AlbumMember.objects.create(album=album, person=User.objects.create_user("alan"))
    AlbumLink.objects.create(
        album=album, key="a-key-in-an-address", password="hashed-word", created_by=image.owner, label="for the family"
    )
    Upload.objects.create(owner=image.owner, file_name="sun.jpg", byte_size=5, image=image)
    audit.record(image.owner, "album.share", "Sunsets")
    Pause.objects.create(step="caption", paused_by=image.owner)
    invitation_create(by=image.owner, expires_at=timezone.now(), email="sun@example.org")
    captioning_services.captions_write(image_ids=[image.pk], pictures=[picture])
    search_services.embeddings_write(version=version, image_ids=[image.pk], pictures=[picture])
    CaptionEmbedding.objects.create(model_version=version, image=image, text="red", vector=bytes(128), seq=1)
    IndexCursor.objects.create(model_version=version, location="a server")
    Reading.objects.create(image=image, model="fake", lines=[{"text": "OPEN"}])
    token_create(owner=image.owner, name="the sun's own", scopes=["read"])
    secret = "https://hooks.example.com/services/B0A/the-path?key=the-query"
    webhook = webhook_create(owner=image.owner, url=secret, events=[Webhook.Event.READY]).webhook
    webhook_ping(webhook=webhook)
    IdempotencyKey.objects.create(owner=image.owner, key="sun-1", fingerprint="0" * 64)
    Judgement.objects.create(owner=image.owner, text="a sunset", image=image, is_right=True)
    return image
