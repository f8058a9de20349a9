"""Every change to pictures: all of it or nothing of it."""

import errno
import os
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import connection
from django.db.models import ProtectedError
from PIL import ExifTags

from gallery import pictures, services, stages
from gallery.exceptions import UploadRefused
from gallery.models import Image, Rendition, Stage, User, Visibility
from gallery.services import image_create
from gallery.storage import DurableFileSystemStorage
from tests.gallery import recording
from tests.gallery.making import encode, exif_of, plain, upload

pytestmark = pytest.mark.usefixtures("told")


def create(owner: User, content: bytes, name: str = "picture.png", **options: Any) -> services.ImageCreation:
    return image_create(owner=owner, file=upload(content, name), file_name=name, **options)


def with_renditions(image: Image) -> list[Rendition]:
    with image.original.open("rb") as file:
        return services.renditions_create(image=image, picture=pictures.open_picture(file))


class TestCreate:
    def test_everything_about_a_picture_is_kept(self, user: User, told: Any) -> None:
        exif = exif_of(
            {ExifTags.Base.Make: "Canon", ExifTags.Base.Model: "EOS R5", ExifTags.Base.Orientation: 6},
            {ExifTags.Base.DateTimeOriginal: "2020:05:06 07:08:09"},
            {1: "N", 2: (10.0, 30.0, 0.0), 3: "W", 4: (20.0, 0.0, 0.0)},
        )
        content = encode(plain(), "JPEG", exif=exif)
        image, created, _ = create(user, content, "../Strand.jpg", visibility=Visibility.LINK)
        assert created
        image.refresh_from_db()
        taken_at = datetime(2020, 5, 6, 7, 8, 9, tzinfo=UTC)
        assert (image.owner, image.visibility, image.file_name) == (user, Visibility.LINK, "Strand.jpg")
        assert (image.format, image.byte_size, image.frames) == ("JPEG", len(content), 1)
        assert (image.width, image.height, image.orientation) == (48, 64, 6)
        assert (image.taken_at, image.sort_date) == (taken_at, taken_at)
        assert (image.camera_make, image.camera_model) == ("Canon", "EOS R5")
        assert (image.latitude, image.longitude) == (10.5, -20.0)

    def test_the_original_is_kept_to_the_byte(self, user: User) -> None:
        content = encode(plain(), "JPEG")
        image = create(user, content, "misleading.exe").image
        assert image.original.name == f"originals/{image.uuid.hex[:2]}/{image.uuid}.jpg"
        with image.original.open("rb") as file:
            assert file.read() == content

    def test_without_a_date_it_sorts_by_its_upload(self, user: User) -> None:
        image = create(user, encode(plain())).image
        assert image.taken_at is None
        assert image.sort_date == image.uploaded_at

    def test_uploads_that_lie_on_disk(self, user: User) -> None:
        content = encode(plain())
        with TemporaryUploadedFile("x.png", "image/png", len(content), None) as file:
            file.write(content)
            image = image_create(owner=user, file=file, file_name="x.png").image
        assert os.path.getsize(default_storage.path(image.original.name)) == len(content)

    def test_the_work_is_opened_and_the_worker_woken_after_the_commit(
        self, user: User, told: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            image = create(user, encode(plain()), priority=Stage.Priority.BACKFILL).image
            assert told == []
        assert told == [("wake", None)]
        found = image.stages.order_by("pk").values_list("step", "model", "state", "priority")
        assert list(found) == [("renditions", "", "pending", 1), ("caption", "fake", "pending", 1)]

    def test_the_same_bytes_are_the_same_picture(self, user: User, stored_files: Any) -> None:
        first = create(user, encode(plain()), "a.png")
        again = create(user, encode(plain()), "b.png", visibility=Visibility.PUBLIC)
        assert (again.created, again.image) == (False, first.image)
        assert again.image.file_name == "a.png"
        assert again.image.visibility == Visibility.PRIVATE
        assert stored_files() == [first.image.original.name]

    def test_of_one_owner_only(self, user: User, other_user: User) -> None:
        assert create(user, encode(plain())).created
        assert create(other_user, encode(plain())).created
        assert Image.objects.count() == 2

    def test_a_refusal_leaves_nothing(self, user: User, stored_files: Any) -> None:
        with pytest.raises(UploadRefused, match="damaged"):
            create(user, encode(plain())[:-40])
        assert (Image.objects.count(), stored_files()) == (0, [])

    def test_a_failing_transaction_leaves_nothing(
        self, user: User, monkeypatch: pytest.MonkeyPatch, stored_files: Any
    ) -> None:
        def fail(**kwargs: Any) -> None:
            raise RuntimeError("the database is gone")

        monkeypatch.setattr(stages, "open_for", fail)
        with pytest.raises(RuntimeError):
            create(user, encode(plain()))
        assert (Image.objects.count(), stored_files()) == (0, [])

    @pytest.mark.parametrize(
        ("number", "sentence"),
        [
            (errno.ENOSPC, "There is no room left on this site to store the picture."),
            (errno.EIO, "The picture could not be stored; please try again later."),
        ],
    )
    def test_a_failing_disk_is_told_in_a_sentence(
        self, user: User, number: int, sentence: str, monkeypatch: pytest.MonkeyPatch, stored_files: Any
    ) -> None:
        def fail(descriptor: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(UploadRefused) as caught:
            create(user, encode(plain()))
        assert str(caught.value) == sentence
        assert (Image.objects.count(), stored_files()) == (0, [])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_interrupted_right_after_the_commit_the_picture_stays_whole(
    user: User, interrupt: type[BaseException], monkeypatch: pytest.MonkeyPatch, stored_files: Any
) -> None:
    def stop() -> None:
        raise interrupt

    monkeypatch.setattr(recording, "wake", stop)
    with pytest.raises(interrupt):
        create(user, encode(plain()))
    assert stored_files() == [Image.objects.get().original.name]


@pytest.mark.django_db(transaction=True)
def test_renditions_interrupted_right_after_the_commit(
    user: User, monkeypatch: pytest.MonkeyPatch, stored_files: Any
) -> None:
    image = create(user, encode(plain())).image

    def stop(names: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(services, "files_delete", stop)
    with pytest.raises(KeyboardInterrupt):
        with_renditions(image)
    assert stored_files() == sorted([image.original.name, *(row.file.name for row in image.renditions.all())])
    assert image.renditions.count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_same_bytes_twice_at_once_end_as_one_picture(
    user: User, monkeypatch: pytest.MonkeyPatch, stored_files: Any
) -> None:
    both = threading.Barrier(2, timeout=60)
    inspect = services.inspect_upload

    def wait_for_the_other(*args: Any, **kwargs: Any) -> Any:
        both.wait()  # both have found no duplicate by now
        return inspect(*args, **kwargs)

    monkeypatch.setattr(services, "inspect_upload", wait_for_the_other)
    results: list[services.ImageCreation] = []

    def run() -> None:
        results.append(create(user, encode(plain())))
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    image = Image.objects.get()
    assert sorted(result.created for result in results) == [False, True]
    assert {result.image.pk for result in results} == {image.pk}
    assert stored_files() == [image.original.name]


class TestChange:
    def test_visibility(self, user: User, told: Any) -> None:
        image = create(user, encode(plain())).image
        told.clear()
        services.image_set_visibility(image=image, visibility="public")
        image.refresh_from_db()
        assert image.visibility == Visibility.PUBLIC
        assert told == [("changed", [image.pk])]

    def test_a_visibility_that_there_isnt(self, user: User) -> None:
        image = create(user, encode(plain())).image
        with pytest.raises(ValueError, match="everyone"):
            services.image_set_visibility(image=image, visibility="everyone")
        image.refresh_from_db()
        assert image.visibility == Visibility.PRIVATE

    def test_what_a_person_says_is_told(self, user: User, told: Any) -> None:
        image = create(user, encode(plain())).image
        told.clear()
        services.image_describe(image_id=image.pk, text="a boat", unsure=False, by_person=False)
        assert told == []
        services.image_describe(image_id=image.pk, text="a blue boat", unsure=False, by_person=True)
        assert told == [("described", None), ("recaptioned", image.pk)]

    def test_description(self, user: User) -> None:
        image = create(user, encode(plain())).image
        services.image_describe(image_id=image.pk, text="a red wall", unsure=True, by_person=False)
        image.refresh_from_db()
        assert (image.description, image.description_unsure) == ("a red wall", True)


class TestDelete:
    def test_rows_at_once_and_files_after_the_commit(
        self, user: User, told: Any, stored_files: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        image = create(user, encode(plain())).image
        kept = create(user, encode(plain("blue"))).image
        with_renditions(image)
        told.clear()
        with django_capture_on_commit_callbacks(execute=True):
            assert services.images_delete(images=[image]) == 1
            assert len(stored_files()) == 4
        assert stored_files() == [kept.original.name]
        assert list(Image.objects.all()) == [kept]
        assert not Rendition.objects.exists()
        assert told == [("forget", [image.pk])]

    def test_more_than_one_statement_takes(
        self,
        user: User,
        stored_files: Any,
        monkeypatch: pytest.MonkeyPatch,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        monkeypatch.setattr(services, "AT_ONCE", 2)
        for color in ("red", "green", "blue"):
            create(user, encode(plain(color)))
        with django_capture_on_commit_callbacks(execute=True):
            assert services.images_delete(images=Image.objects.filter(owner=user)) == 3
        assert stored_files() == []

    def test_what_is_gone_already(self, user: User) -> None:
        image = create(user, encode(plain())).image
        assert services.images_delete(images=[image]) == 1
        assert services.images_delete(images=[Image(pk=image.pk or 1)]) == 0

    def test_a_missing_file_doesnt_matter(self, user: User, django_capture_on_commit_callbacks: Any) -> None:
        image = create(user, encode(plain())).image
        default_storage.delete(image.original.name)
        with django_capture_on_commit_callbacks(execute=True):
            services.images_delete(images=[image])
        assert not Image.objects.exists()

    def test_a_file_that_cannot_be_deleted_keeps_none_of_the_others(
        self,
        make_image: Any,
        stored_files: Any,
        monkeypatch: pytest.MonkeyPatch,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        images = [make_image(color) for color in ("red", "green", "blue")]
        stuck = images[0].original.name
        delete = DurableFileSystemStorage.delete

        def fail_for_one(storage: DurableFileSystemStorage, name: str) -> None:
            if name == stuck:
                raise PermissionError(name)
            delete(storage, name)

        monkeypatch.setattr(DurableFileSystemStorage, "delete", fail_for_one)
        with django_capture_on_commit_callbacks(execute=True):
            services.images_delete(images=images)
        assert stored_files() == [stuck]


class TestRenditions:
    def test_they_are_stored_beside_their_rows(self, user: User) -> None:
        image = create(user, encode(plain(size=(2_000, 1_000)))).image
        made = {rendition.kind: rendition for rendition in with_renditions(image)}
        assert {kind: (row.width, row.height) for kind, row in made.items()} == {
            "thumbnail": (400, 200),
            "preview": (1280, 640),
        }
        for kind, row in made.items():
            row.refresh_from_db()
            assert row.file.name == f"renditions/{image.uuid.hex[:2]}/{image.uuid}-{kind}.webp"
            assert row.byte_size == row.file.size

    def test_a_second_run_replaces_the_first(
        self, user: User, stored_files: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        image = create(user, encode(plain())).image
        with django_capture_on_commit_callbacks(execute=True):
            first = with_renditions(image)
        with django_capture_on_commit_callbacks(execute=True):
            second = with_renditions(image)
        assert Rendition.objects.count() == 2
        assert {row.file.name for row in first}.isdisjoint(row.file.name for row in second)
        assert stored_files() == sorted([image.original.name, *(row.file.name for row in second)])

    def test_one_whose_file_is_lost_is_there_again(
        self, user: User, stored_files: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        """The new one gets the old one's name, which is free."""
        image = create(user, encode(plain())).image
        for rendition in with_renditions(image):
            default_storage.delete(rendition.file.name)
        with django_capture_on_commit_callbacks(execute=True):
            again = with_renditions(image)
        assert stored_files() == sorted([image.original.name, *(rendition.file.name for rendition in again)])

    def test_of_a_picture_deleted_meanwhile(
        self, user: User, stored_files: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        image = create(user, encode(plain())).image
        Image.objects.filter(pk=image.pk).delete()
        with django_capture_on_commit_callbacks(execute=True):
            assert with_renditions(image) == []
        assert stored_files() == [image.original.name]

    def test_a_failing_transaction_leaves_no_files(
        self, user: User, stored_files: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        image = create(user, encode(plain())).image

        def fail(*args: Any) -> None:
            raise RuntimeError("the database is gone")

        monkeypatch.setattr(Rendition.objects, "bulk_create", fail)
        with pytest.raises(RuntimeError):
            with_renditions(image)
        assert stored_files() == [image.original.name]


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_end_with_one_set_of_renditions(make_image: Any, stored_files: Any) -> None:
    image = make_image("red")
    start = threading.Barrier(3)
    failures: list[BaseException] = []

    def run() -> None:
        start.wait()
        try:
            with_renditions(Image.objects.get(pk=image.pk))
        except BaseException as error:  # noqa: BLE001 -- told below: a thread can't fail the test by itself
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(row.kind for row in image.renditions.all()) == ["preview", "thumbnail"]
    assert stored_files() == sorted([image.original.name, *(row.file.name for row in image.renditions.all())])


def test_any_file_that_django_knows(user: User) -> None:
    file = ContentFile(encode(plain()), name="x.png")
    assert image_create(owner=user, file=file, file_name="x.png").created


class TestPeopleGo:
    def test_with_their_pictures_and_files(
        self, user: User, other_user: User, make_image: Any, stored_files: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        make_image("red")
        kept = make_image("red", owner=other_user)
        with django_capture_on_commit_callbacks(execute=True):
            services.users_delete(users=[user])
        assert list(User.objects.all()) == [other_user]
        assert list(Image.objects.all()) == [kept]
        assert len(stored_files()) == 1

    def test_but_never_past_the_files(self, user: User, make_image: Any) -> None:
        image = make_image("red")
        with pytest.raises(ProtectedError):
            user.delete()
        assert default_storage.exists(image.original.name)
