"""Every model of ours in the admin: lists, pages and filters answer."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from PIL import Image as PILImage

from api.models import IdempotencyKey, Token, Webhook, WebhookDelivery
from captioning import services as captioning_services
from captioning.models import Caption, CaptionerVersion
from gallery import services
from gallery.albums import album_add, album_create
from gallery.models import (
    Album,
    AlbumImage,
    AlbumLink,
    AlbumMember,
    AuditEntry,
    DeletedAlbum,
    Favourite,
    Image,
    ImageTag,
    Invitation,
    Pause,
    PersonSession,
    Rendition,
    SeenFile,
    Stage,
    Tag,
    Tally,
    Tries,
    Upload,
    User,
)
from gallery.tags import images_tag
from reading.models import Reading
from search import services as search_services
from search.models import (
    CaptionEmbedding,
    Embedding,
    IndexCursor,
    Judgement,
    Look,
    ModelVersion,
    NearDuplicate,
    SavedSearch,
)
from tests.gallery.admin.asking import address

MODELS = [
    User,
    Image,
    Rendition,
    Stage,
    Tag,
    Album,
    Caption,
    CaptionerVersion,
    ModelVersion,
    Embedding,
    CaptionEmbedding,
    IndexCursor,
    Judgement,
    Reading,
    Token,
    IdempotencyKey,
    Webhook,
    WebhookDelivery,
    Invitation,
    AlbumMember,
    AlbumLink,
    AuditEntry,
    Pause,
    Upload,
]
NOT_LISTED = {
    PersonSession,
    AlbumImage,
    Favourite,
    SeenFile,
    ImageTag,
    SavedSearch,
    Look,
    NearDuplicate,
    DeletedAlbum,
    Tally,
    Tries,
}
ADDABLE = [User, Caption, ModelVersion, Invitation]


def test_every_model_of_ours_is_there() -> None:
    """But for what is somebody's alone, and for what only links others."""
    from django.contrib.admin import site

    ours = {
        model
        for app in ("gallery", "captioning", "reading", "search", "api")
        for model in apps.get_app_config(app).get_models()
    }
    assert ours == {*MODELS, *NOT_LISTED}
    assert {model for model in ours if not site.is_registered(model)} == NOT_LISTED


@pytest.mark.parametrize("model", MODELS)
def test_lists_and_pages_answer(admin_client: Client, image: Image, model: Any) -> None:
    assert model.objects.exists()
    assert admin_client.get(address(model, "changelist")).status_code == 200
    assert admin_client.get(address(model, "changelist"), {"q": "sun"}).status_code == 200
    for each in model.objects.all():
        assert admin_client.get(address(model, "change", each.pk)).status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_adding_is_offered_only_where_a_hand_may_write(admin_client: Client, image: Image, model: Any) -> None:
    expected = 200 if model in ADDABLE else 403
    assert admin_client.get(address(model, "add")).status_code == expected


@pytest.mark.parametrize("model", [Image, Rendition, Stage, Caption, Reading, Embedding, ModelVersion, Invitation])
def test_filters_answer(admin_client: Client, image: Image, model: Any) -> None:
    page = admin_client.get(address(model, "changelist"))
    links = [
        choice["query_string"]
        for spec in page.context["cl"].filter_specs
        for choice in spec.choices(page.context["cl"])
    ]
    assert links
    assert {admin_client.get(address(model, "changelist") + link).status_code for link in links} == {200}


@pytest.mark.parametrize(
    "model", [Image, Rendition, Stage, Caption, Embedding, Judgement, Tag, Album, AlbumMember, AlbumLink, User]
)
def test_lists_take_the_same_number_of_statements_however_long(
    admin_client: Client,
    image: Image,
    version: ModelVersion,
    make_image: Callable[..., Image],
    model: Any,
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            admin_client.get(address(model, "changelist"))
        return len(captured)

    before = count()
    for color in ("blue", "green", "yellow"):
        more = make_image(color)
        picture = PILImage.new("RGB", (64, 48), color)
        services.renditions_create(image=more, picture=picture)
        captioning_services.captions_write(image_ids=[more.pk], pictures=[picture])
        search_services.embeddings_write(version=version, image_ids=[more.pk], pictures=[picture])
        _mark(more, color)
    assert count() == before


def _mark(image: Image, word: str) -> None:
    """With all that refers to a picture by way of something else."""
    images_tag(owner=image.owner, images=Image.objects.filter(pk=image.pk), names=[word])
    album = album_create(owner=image.owner, title=word)
    album_add(album=album, images=Image.objects.filter(pk=image.pk))
    AlbumMember.objects.create(album=album, person=User.objects.create_user(word))
    AlbumLink.objects.create(album=album, key=word, created_by=image.owner)
    Judgement.objects.create(owner=image.owner, text=word, image=image, is_right=True)


def test_whatever_has_a_picture_shows_it(admin_client: Client, image: Image) -> None:
    for model in (Album, AlbumLink, AlbumMember, Tag, Upload, Caption, Embedding, Judgement, Stage, Rendition, Reading):
        shown = admin_client.get(address(model, "changelist")).content.decode()
        assert address(Image, "thumbnail", image.pk) in shown, model
