"""The admin: every page answers, and what it changes goes through the services."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image as PILImage

from api.models import IdempotencyKey, Token, Webhook, WebhookDelivery
from api.tokens import token_create
from captioning import services as captioning_services
from captioning.models import Caption, CaptionerVersion
from gallery import audit, services, stages
from gallery.admin import pieces
from gallery.albums import album_create
from gallery.invitations import invitation_create
from gallery.models import (
    Album,
    AlbumImage,
    AlbumLink,
    AlbumMember,
    AuditEntry,
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
    Upload,
    User,
    Visibility,
)
from gallery.tags import images_tag
from reading.models import Reading
from search import services as search_services
from search import versions
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
    Webhook,
    WebhookDelivery,
}
ADDABLE = [User, Caption, ModelVersion, Invitation]


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
    IdempotencyKey.objects.create(owner=image.owner, key="sun-1", fingerprint="0" * 64)
    Judgement.objects.create(owner=image.owner, text="a sunset", image=image, is_right=True)
    return image


def address(model: Any, page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def act(client: Client, model: Any, action: str, *objects: Any, **more: str) -> Any:
    data = {"action": action, "_selected_action": [each.pk for each in objects], **more}
    return client.post(address(model, "changelist"), data, follow=True)


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


@pytest.mark.parametrize("model", [Image, Rendition, Stage, Caption, Embedding])
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
    assert count() == before


def test_staff_see_thumbnails_of_private_pictures(admin_client: Client, image: Image) -> None:
    link = address(Image, "thumbnail", image.pk)
    assert link in admin_client.get(address(Image, "changelist")).content.decode()
    response = admin_client.get(link)
    assert response["Content-Type"] == "image/webp"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert b"".join(response.streaming_content)[:4] == b"RIFF"


def test_nobody_else_gets_a_thumbnail_there(client: Client, image: Image, other_user: User) -> None:
    link = address(Image, "thumbnail", image.pk)
    assert client.get(link).status_code == 302  # to sign in
    client.force_login(other_user)
    assert client.get(link).status_code == 302
    other_user.is_staff = True  # but with no right to look at pictures
    other_user.save()
    assert client.get(link).status_code == 403


def test_a_thumbnail_that_was_not_made_or_was_lost_is_absent(
    admin_client: Client, image: Image, make_image: Callable[..., Image]
) -> None:
    assert admin_client.get(address(Image, "thumbnail", make_image("blue").pk)).status_code == 404
    thumbnail = image.renditions.get(kind="thumbnail")
    thumbnail.file.storage.delete(thumbnail.file.name)
    assert admin_client.get(address(Image, "thumbnail", image.pk)).status_code == 404


def test_where_a_picture_was_taken_stays_the_owners(admin_client: Client, image: Image) -> None:
    Image.objects.filter(pk=image.pk).update(latitude=12.345678, longitude=98.765432)
    page = admin_client.get(address(Image, "change", image.pk)).content.decode()
    assert "12.345" not in page
    assert "98.765" not in page


def test_visibility_is_changed_through_the_service(admin_client: Client, image: Image, version: ModelVersion) -> None:
    before = Embedding.objects.get(image=image).seq
    admin_client.post(address(Image, "change", image.pk), {"visibility": "public"})
    image.refresh_from_db()
    assert image.visibility == Visibility.PUBLIC
    assert Embedding.objects.get(image=image).seq > before  # so that every index hears of it


@pytest.mark.parametrize(("action", "step"), [("caption_again", "caption"), ("embedding_again", "embedding")])
def test_work_is_done_again(admin_client: Client, image: Image, action: str, step: str) -> None:
    Stage.objects.update(state=Stage.State.DONE, attempts=1)
    page = act(admin_client, Image, action, image)
    assert page.status_code == 200
    assert "1 to do" in page.content.decode()
    again = Stage.objects.get(image=image, step=step)
    assert (again.state, again.attempts, again.priority) == (Stage.State.PENDING, 0, Stage.Priority.BACKFILL)
    assert not Stage.objects.exclude(pk=again.pk).exclude(state=Stage.State.DONE).exists()


def test_the_actions_say_what_they_do(admin_client: Client, image: Image) -> None:
    page = admin_client.get(address(Image, "changelist")).content.decode()
    for label in ("Caption again", "Embed again", "Make thumbnails again"):
        assert label in page


def test_failed_work_is_tried_again(admin_client: Client, image: Image) -> None:
    failed = Stage.objects.get(image=image, step="caption")
    Stage.objects.filter(pk=failed.pk).update(state=Stage.State.FAILED, attempts=3, error="Broken.")
    done = Stage.objects.get(image=image, step="renditions")
    Stage.objects.filter(pk=done.pk).update(state=Stage.State.DONE)
    act(admin_client, Stage, "retry_failed", failed, done)
    failed.refresh_from_db()
    done.refresh_from_db()
    assert (failed.state, failed.attempts) == (Stage.State.PENDING, 0)
    assert done.state == Stage.State.DONE


def test_deleting_a_picture_takes_its_files_and_leaves_tombstones(
    admin_client: Client, image: Image, django_capture_on_commit_callbacks: Any
) -> None:
    names = [image.original.name, *image.renditions.values_list("file", flat=True)]
    with django_capture_on_commit_callbacks(execute=True):
        admin_client.post(address(Image, "delete", image.pk), {"post": "yes"})
    assert not Image.objects.exists()
    assert not any(default_storage.exists(name) for name in names)
    assert Embedding.objects.get(image_id=image.pk).vector is None
    assert admin_client.get(address(Embedding, "changelist")).status_code == 200
    assert admin_client.get(address(Embedding, "change", Embedding.objects.get().pk)).status_code == 200


def test_many_pictures_go_to_the_trash_after_being_asked(admin_client: Client, image: Image) -> None:
    asked = act(admin_client, Image, "move_to_trash", image).content.decode()
    assert "1 image?" in asked
    assert Image.objects.exists()
    done = act(admin_client, Image, "move_to_trash", image, confirmed="yes", total="1").content.decode()
    assert "1 moved to the trash." in done
    assert not Image.objects.exists()
    assert "sunset.jpg" in admin_client.get(address(Image, "changelist")).content.decode(), "staff see the trash"
    assert default_storage.exists(image.original.name)
    act(admin_client, Image, "delete_selected", image, post="yes")
    assert Image.with_trash.exists(), "there is no such action"


def test_thousands_are_done_a_piece_with_each_request(
    admin_client: Client, image: Image, make_image: Callable[..., Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "PIECE", 2)
    for color in ("blue", "green", "yellow", "black"):
        make_image(color)
    asked = {"action": "make_public", "select_across": "1", "index": "0", "confirmed": "yes", "_selected_action": "1"}
    found = admin_client.post(address(Image, "changelist"), asked)
    assert "2 of 5 changed to" in found.content.decode()
    asked["total"] = "5"
    assert "4 of 5 changed to" in admin_client.post(address(Image, "changelist"), asked).content.decode()
    assert "5 changed to" in admin_client.post(address(Image, "changelist"), asked, follow=True).content.decode()
    assert not Image.objects.exclude(visibility="public").exists()
    assert sum(entry.details["number"] for entry in AuditEntry.objects.filter(action="image.visibility")) == 5


def test_bulk_actions_are_for_those_who_may_change_pictures(image: Image, other_user: User) -> None:
    User.objects.filter(pk=other_user.pk).update(is_staff=True)
    other_user.user_permissions.add(Permission.objects.get(codename="view_image"))
    client = Client()
    client.force_login(other_user)
    for action in ("move_to_trash", "make_public", "caption_again"):
        act(client, Image, action, image, confirmed="yes")
    assert Image.objects.get().visibility == Visibility.PRIVATE
    assert not AuditEntry.objects.filter(actor=other_user).exists()


def test_all_selected_work_is_done_again_and_followed_on_the_page_of_the_work(
    admin_client: Client, image: Image, make_image: Callable[..., Image]
) -> None:
    make_image("blue")
    Stage.objects.update(state=Stage.State.DONE)
    data = {"action": "caption_again", "select_across": "1", "index": "0", "_selected_action": [image.pk]}
    page = admin_client.post(address(Image, "changelist"), data, follow=True)
    assert page.request["PATH_INFO"] == reverse("jobs")
    assert "2 waiting, 0 running, 0 done, 0 failed" in page.content.decode()
    assert AuditEntry.objects.get(action="work.again").details == {"number": 2}


def test_all_that_another_model_captioned_is_captioned_again_and_peoples_words_stay(
    admin_client: Client, admin: User, image: Image, make_image: Callable[..., Image]
) -> None:
    other = make_image("blue")
    Caption.objects.create(image=other, text="blue", model="old@1")
    Stage.objects.update(state=Stage.State.DONE)
    data = {"action": "caption_again", "select_across": "1", "index": "0", "_selected_action": "1"}
    admin_client.post(address(Caption, "changelist") + "?model=old%401", data)
    assert list(Stage.objects.filter(state="pending").values_list("image", "step")) == [(other.pk, "caption")]
    captioning_services.caption_write_by_person(image_id=other.pk, author=admin, text="the sea")
    captioning_services.captions_write(image_ids=[other.pk], pictures=[PILImage.new("RGB", (64, 48), "blue")])
    assert Image.objects.get(pk=other.pk).description == "the sea"
    assert set(other.captions.values_list("model", flat=True)) == {"old@1", "", "fake@1-000000000000"}


def test_how_far_each_captioner_is_and_making_what_is_outdated_anew(
    admin_client: Client, image: Image, make_image: Callable[..., Image], other_user: User
) -> None:
    old = make_image("blue")
    captioning_services.captions_write(image_ids=[old.pk], pictures=[PILImage.new("RGB", (64, 48), "blue")])
    Caption.objects.filter(image=old).update(model="fake@0")
    Stage.objects.update(state=Stage.State.DONE)
    shown = admin_client.get(address(Caption, "changelist")).content.decode()
    assert shown.count("1 (50 %)") == 2
    assert "Caption all others by fake" in shown
    outdated = reverse("admin:captioning_caption_outdated")
    assert admin_client.get(outdated).status_code == 403
    page = admin_client.post(outdated, follow=True)
    assert page.request["PATH_INFO"] == reverse("jobs")
    assert list(Stage.objects.filter(state="pending").values_list("image", "step")) == [(old.pk, "caption")]
    assert AuditEntry.objects.get(action="work.again").details == {"number": 1}
    User.objects.filter(pk=other_user.pk).update(is_staff=True)
    other_user.user_permissions.add(Permission.objects.get(codename="view_caption"))
    looker = Client()
    looker.force_login(other_user)
    assert "Caption all others" not in looker.get(address(Caption, "changelist")).content.decode()
    assert looker.post(outdated).status_code == 403


def test_neither_keys_nor_passwords_of_links_are_shown(admin_client: Client, image: Image) -> None:
    link = AlbumLink.objects.get()
    for page in (address(AlbumLink, "changelist"), address(AlbumLink, "change", link.pk)):
        shown = admin_client.get(page).content.decode()
        assert "for the family" in shown
        assert "a-key-in-an-address" not in shown
        assert "hashed-word" not in shown
    assert not admin_client.get(address(AlbumLink, "changelist"), {"q": "a-key-in"}).context["cl"].result_count


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
    admin_client.post(address(Image, "delete", image.pk), {"post": "yes"})
    entries = AuditEntry.objects.filter(actor=admin).order_by("pk")
    assert [entry.action for entry in entries] == ["image.change", "caption.change", "image.delete"]
    assert not any("secret" in f"{entry.target} {entry.details}" for entry in entries)


def test_whatever_has_a_picture_shows_it(admin_client: Client, image: Image) -> None:
    for model in (Album, Upload, Caption, Embedding, Judgement, Stage, Rendition, Reading):
        shown = admin_client.get(address(model, "changelist")).content.decode()
        assert address(Image, "thumbnail", image.pk) in shown, model


@pytest.mark.parametrize("at_once", [True, False])
def test_deleting_a_person_takes_their_pictures_along(
    admin_client: Client, image: Image, django_capture_on_commit_callbacks: Any, at_once: bool
) -> None:
    asked = (
        act(admin_client, User, "delete_selected", image.owner)
        if at_once
        else admin_client.get(address(User, "delete", image.owner_id))
    )
    assert image.file_name in asked.content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        if at_once:
            act(admin_client, User, "delete_selected", image.owner, post="yes")
        else:
            admin_client.post(address(User, "delete", image.owner_id), {"post": "yes"})
    assert not User.objects.filter(pk=image.owner_id).exists()
    assert not default_storage.exists(image.original.name)
    assert Embedding.objects.get(image_id=image.pk).vector is None


def test_a_caption_saved_by_hand_is_a_persons(admin_client: Client, admin: User, image: Image) -> None:
    of_model = Caption.objects.get(image=image)
    admin_client.post(address(Caption, "change", of_model.pk), {"text": "the sun goes down"})
    of_model.refresh_from_db()
    assert (of_model.source, of_model.is_current, of_model.text) == ("model", False, "a mostly red picture")
    current = Caption.objects.get(image=image, is_current=True)
    assert (current.source, current.author, current.text) == ("person", admin, "the sun goes down")
    image.refresh_from_db()
    assert image.description == "the sun goes down"


def test_a_caption_is_added_by_hand(admin_client: Client, admin: User, image: Image) -> None:
    page = admin_client.post(address(Caption, "add"), {"image": image.pk, "text": "evening"}, follow=True)
    assert page.status_code == 200
    assert Caption.objects.get(image=image, is_current=True).author == admin


def test_stages_are_claimed_and_finished_by_the_worker_alone(admin_client: Client, image: Image) -> None:
    stage = stages.claim(worker="me", limit=1)[0]
    assert admin_client.post(address(Stage, "change", stage.pk), {"state": "done"}).status_code == 403
    stage.refresh_from_db()
    assert stage.state == Stage.State.RUNNING
