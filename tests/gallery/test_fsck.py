"""Each thing that can be wrong with files, with the work on pictures and with uploads is made so on purpose."""

import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import TestCase
from django.utils import timezone

from gallery import fsck, fsck_files, services, uploads
from gallery.albums import album_add, album_create
from gallery.findings import Finding, Scope
from gallery.models import Album, Image, Pause, Rendition, Stage, Tag, Tally, Upload, User
from gallery.pictures import open_picture
from gallery.storage import original_name
from gallery.tags import images_tag
from tests.gallery import queueing

NO_GRACE = timedelta(0)
Make = Callable[..., Image]


@pytest.fixture(autouse=True)
def _at_once(queue: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes between two looks; the gallery's own step is the only one."""
    monkeypatch.setattr(fsck_files, "SECOND_LOOK_SECONDS", 0)
    queueing.todays_steps[1:] = []


def check(*, repair: bool = False, deep: bool = False, grace: timedelta = NO_GRACE) -> list[Finding]:
    scope = Scope(repair=repair, deep=deep, grace=grace)
    return [finding for check in fsck.CHECKS for finding in check.run(scope)]


def kinds(**scope: Any) -> list[tuple[str, bool]]:
    """What is found, in no order: its kind, and whether it was repaired."""
    return sorted((finding.kind, finding.repaired) for finding in check(**scope))


def work() -> None:
    """What the worker does of the gallery's own."""
    for stage in Stage.objects.filter(state="pending"):
        with stage.image.original.open("rb") as file, TestCase.captureOnCommitCallbacks(execute=True):
            services.renditions_create(image=stage.image, picture=open_picture(file))
        Stage.objects.filter(pk=stage.pk).update(state="done", finished_at=timezone.now())


def path_of(name: str) -> Path:
    return Path(default_storage.path(name))


def litter(name: str, *, hours: float = 0) -> Path:
    path = path_of(default_storage.save(name, ContentFile(b"litter")))
    made = time.time() - 3_600 * hours - 1
    os.utime(path, (made, made))
    return path


@pytest.fixture
def image(make_image: Make) -> Image:
    """A picture that is ready."""
    image = make_image()
    work()
    return image


def test_a_library_that_is_well(image: Image, make_image: Make) -> None:
    make_image("blue")  # whose renditions are still to be made
    thrown_away = make_image("green")
    work()
    Image.objects.filter(pk=thrown_away.pk).update(trashed_at=timezone.now())
    seen: list[int] = []
    scope = Scope(deep=True, grace=NO_GRACE, progress=seen.append)
    assert [finding for check in fsck.CHECKS for finding in check.run(scope)] == []
    assert sum(seen) == 3


class TestOriginals:
    def test_one_that_is_missing_is_told_of_and_nothing_of_it_deleted(self, image: Image) -> None:
        path_of(image.original.name).unlink()
        for repair in (False, True):
            [finding] = check(repair=repair)
            assert (finding.kind, finding.subject) == ("original-missing", f"picture {image.uuid}")
            assert not finding.repaired
        assert image.renditions.count() == 2
        assert all(path_of(each.file.name).exists() for each in image.renditions.all())

    def test_in_the_trash_it_counts_too(self, image: Image) -> None:
        Image.objects.update(trashed_at=timezone.now())
        path_of(image.original.name).unlink()
        assert kinds(repair=True) == [("original-missing", False)]

    def test_one_that_was_cut_short(self, image: Image) -> None:
        os.truncate(path_of(image.original.name), 20)
        [finding] = check(repair=True)
        assert (finding.kind, finding.repaired) == ("original-damaged", False)
        assert "has 20 bytes" in finding.detail

    def test_one_flipped_byte_is_found_by_reading(self, image: Image) -> None:
        path = path_of(image.original.name)
        content = bytearray(path.read_bytes())
        content[100] ^= 1
        path.write_bytes(content)
        assert kinds() == []
        assert kinds(deep=True, repair=True) == [("original-damaged", False)]
        assert path.read_bytes() == content

    def test_one_that_two_pictures_have(self, image: Image, make_image: Make) -> None:
        other = make_image("blue")
        work()
        Image.objects.filter(pk=other.pk).update(original=image.original.name, byte_size=image.byte_size)
        path_of(other.original.name).unlink()
        assert kinds(repair=True) == [("original-shared", False)]

    def test_one_that_lies_elsewhere_is_in_place(self, image: Image) -> None:
        path_of("somewhere").mkdir()
        path_of(image.original.name).rename(path_of("somewhere/else.jpg"))
        Image.objects.update(original="somewhere/else.jpg")
        assert kinds() == []
        path_of("somewhere/else.jpg").unlink()
        assert kinds() == [("original-missing", False)]

    def test_one_that_lies_where_nothing_may(self, image: Image) -> None:
        Image.objects.update(original="../elsewhere.jpg")
        assert ("original-damaged", False) in kinds()

    def test_one_that_comes_after_its_folder_was_listed(self, image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fsck_files, "files_below", lambda folder, **_: iter(()))
        assert kinds() == []

    def test_one_that_is_purged_meanwhile(self, image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
        def purge(name: str, *rest: Any) -> Any:
            Image.objects.all().delete()
            return "missing", name

        monkeypatch.setattr(fsck_files, "_fault", purge)
        assert not [kind for kind, _ in kinds() if kind != "file-orphaned"]


class TestRenditions:
    @pytest.mark.parametrize(
        ("harm", "kind"),
        [(Path.unlink, "rendition-missing"), (lambda path: os.truncate(path, 3), "rendition-damaged")],
    )
    def test_one_whose_file_is_wrong_is_made_again(
        self, image: Image, harm: Callable[[Path], object], kind: str
    ) -> None:
        harm(path_of(image.renditions.get(kind="preview").file.name))
        assert kinds() == [(kind, False)]
        assert not Stage.objects.exclude(state="done").exists()
        assert kinds(repair=True) == [(kind, True)]
        assert kinds() == [], "it is being made"
        work()
        assert kinds(repair=True) == []

    def test_one_without_a_row_is_made_again(self, image: Image) -> None:
        rendition = image.renditions.get(kind="thumbnail")
        path_of(rendition.file.name).unlink()
        rendition.delete()
        assert kinds() == [("rendition-missing", False)]
        assert kinds(repair=True) == [("rendition-missing", True)]
        work()
        assert kinds() == []

    def test_one_that_is_older_than_its_picture_is_made_again(self, image: Image) -> None:
        image.renditions.filter(kind="preview").update(created_at=image.uploaded_at - timedelta(seconds=1))
        assert kinds() == [("rendition-outdated", False)]
        assert kinds(repair=True) == [("rendition-outdated", True)]
        work()
        assert kinds() == []

    def test_nothing_can_be_made_of_a_broken_original(self, image: Image) -> None:
        path_of(image.original.name).unlink()
        path_of(image.renditions.get(kind="preview").file.name).unlink()
        assert kinds(repair=True) == [("original-missing", False), ("rendition-missing", False)]
        assert Stage.objects.get().state == "done"


class TestLitter:
    @pytest.mark.parametrize(
        "name",
        [
            original_name(UUID(int=7), "jpg"),
            "renditions/ab/x-preview.webp",
            "originals/ab/.tmp.part",
            "originals/x.jpg",
            "renditions/deep/er/x.webp",
        ],
    )
    def test_it_is_deleted_when_asked_and_old(self, image: Image, name: str) -> None:
        path = litter(name, hours=2)
        assert kinds(grace=timedelta(hours=3), repair=True) == []
        [finding] = check(grace=timedelta(hours=1))
        assert (finding.kind, finding.subject, finding.repaired) == ("file-orphaned", name, False)
        assert path.exists()
        assert kinds(grace=timedelta(hours=1), repair=True) == [("file-orphaned", True)]
        assert not path.exists()
        assert kinds(deep=True) == []

    def test_a_name_that_is_no_text(self, image: Image) -> None:
        path = path_of("originals") / os.fsdecode(b"\xff.jpg")
        path.write_bytes(b"litter")
        assert [finding.subject for finding in check(repair=True)] == ["originals/\\udcff.jpg"]
        assert not path.exists()

    def test_what_a_purge_is_about_to_delete(self, image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
        path = litter("originals/ab/x.jpg", hours=2)
        monkeypatch.setattr(time, "sleep", lambda _: path.unlink())
        assert kinds() == []

    def test_what_gets_its_row_meanwhile(self, image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
        path = litter("renditions/ab/x.webp", hours=2)
        name = "renditions/ab/x.webp"
        monkeypatch.setattr(time, "sleep", lambda _: Rendition.objects.filter(kind="preview").update(file=name))
        assert kinds(repair=True) == []
        assert path.exists()

    def test_what_may_be_a_missing_original_is_kept(self, image: Image) -> None:
        path = path_of(image.original.name)
        renamed = path.rename(path.with_suffix(".bak"))
        assert kinds(repair=True) == [("file-orphaned", False), ("original-missing", False)]
        renamed.rename(path)
        assert kinds() == []

    def test_all_of_it_though_little_is_kept_in_mind(self, image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fsck_files, "MOST_SUSPECTS", 2)
        for number in range(5):
            litter(f"renditions/{number}0/x.webp")
        assert kinds(repair=True) == [("file-orphaned", True)] * 5

    def test_another_database_costs_no_original(self, image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fsck_files, "MOST_LITTER", 2)
        monkeypatch.setattr(fsck_files, "AT_ONCE", 1)
        originals = [litter(f"originals/{number}0/x.jpg") for number in range(3)]
        other = litter("renditions/00/x.webp")
        findings = check(repair=True)
        assert all(path.exists() for path in originals)
        assert not other.exists()
        assert [finding.repaired for finding in findings].count(True) == 1
        assert sum("is this the right database" in finding.detail for finding in findings) == 3

    def test_what_can_not_be_deleted_is_told(self, image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(name: str) -> None:
            raise PermissionError("read-only")

        litter("originals/ab/x.jpg")
        monkeypatch.setattr(default_storage, "delete", refuse)
        [finding] = check(repair=True)
        assert not finding.repaired
        assert "read-only" in finding.detail


class TestStages:
    def test_one_that_is_missing_is_made(self, image: Image) -> None:
        Stage.objects.all().delete()
        assert kinds(grace=timedelta(hours=1)) == []
        assert kinds() == [("stage-missing", False)]
        assert kinds(repair=True, grace=timedelta(seconds=-1)) == [("stage-missing", True)]
        assert queueing.wakes
        assert Stage.objects.get().state == "pending"

    @pytest.mark.parametrize(
        "state",
        [
            {"state": "running", "claimed_until": None},
            {"state": "running", "claimed_until": timedelta(days=1)},
            {"state": "running", "claimed_until": -timedelta(hours=2)},
            {"state": "pending", "due_at": timedelta(days=1)},
        ],
    )
    def test_one_that_nobody_would_finish_begins_anew(self, image: Image, state: dict[str, Any]) -> None:
        for name, value in state.items():
            if isinstance(value, timedelta):
                state = state | {name: timezone.now() + value}
        Stage.objects.update(**state, attempts=2)
        grace = timedelta(hours=1)
        assert kinds(grace=grace) == [("stage-lost", False)]
        assert kinds(grace=grace, repair=True) == [("stage-lost", True)]
        assert kinds(grace=grace) == []
        [stage] = queueing.claim()
        assert stage.attempts == 1

    def test_work_that_goes_on_is_left_alone(self, user: User) -> None:
        queueing.add_work(user, pictures=2)
        [running, waiting] = queueing.claim()
        Stage.objects.filter(pk=waiting.pk).update(
            state="pending", due_at=timezone.now() + timedelta(minutes=1), claimed_by="", claimed_until=None
        )
        assert list(fsck.check_stages(Scope(grace=timedelta(hours=1), repair=True))) == []
        running.refresh_from_db()
        assert running.claimed_by

    def test_what_lost_its_worker_waits_while_it_is_paused(self, image: Image, user: User) -> None:
        Stage.objects.update(state="running", claimed_until=timezone.now() - timedelta(hours=2))
        pause = Pause.objects.create(step="renditions", paused_by=user)
        assert kinds(grace=timedelta(hours=1)) == []
        pause.delete()
        assert kinds(grace=timedelta(hours=1)) == [("stage-lost", False)]

    def test_what_has_waited_for_too_long_is_told_of(self, image: Image, make_image: Make) -> None:
        make_image("blue")
        waiting = Stage.objects.filter(state="pending")
        waiting.update(due_at=timezone.now() - timedelta(hours=2))
        assert kinds(grace=timedelta(hours=1)) == [], "others were done meanwhile"
        Stage.objects.filter(state="done").update(finished_at=timezone.now() - timedelta(hours=3))
        [finding] = check(grace=timedelta(hours=1), repair=True)
        assert (finding.kind, finding.subject, finding.repaired) == ("stage-overdue", "step renditions", False)
        assert "1 wait" in finding.detail
        assert "never seen" in finding.detail
        queueing.seen[0] = timezone.now()
        assert "last seen at" in check(grace=timedelta(hours=1))[0].detail
        Stage.objects.filter(state="done").update(finished_at=timezone.now())
        waiting.update(due_at=timezone.now() - timedelta(hours=25))
        assert kinds(grace=timedelta(hours=1)) == [("stage-overdue", False)], "whatever else was done"

    def test_what_comes_later_may_wait(self, image: Image, make_image: Make) -> None:
        queueing.todays_steps[0] = queueing.Step("renditions", later=True)
        make_image("blue")
        Stage.objects.filter(state="pending").update(due_at=timezone.now() - timedelta(hours=25))
        assert kinds(grace=timedelta(hours=1)) == []


def test_numbers_of_pictures_that_differ_are_counted_anew(image: Image, user: User) -> None:
    album = album_create(owner=user, title="Iceland")
    album_add(album=album, images=Image.objects.all())
    images_tag(owner=user, images=Image.objects.all(), names=["red"])
    assert kinds() == []
    Album.objects.update(pictures=0)
    Tag.objects.update(pictures=2)
    Tally.objects.update(bytes=2_000)
    assert [finding.detail for finding in check()] == [
        "it says 0 pictures, and holds 1",
        "it says 2 pictures, and holds 1",
        f"it says 2,000 bytes of originals, and they take {image.byte_size:,}",
    ]
    assert kinds(repair=True) == [("number-differs", True)] * 3
    assert kinds() == []


class TestUploads:
    @pytest.fixture
    def upload(self, user: User) -> Iterator[Upload]:
        upload = uploads.upload_create(owner=user, file_name="a.jpg", byte_size=100)
        uploads.upload_append(upload=upload, offset=0, data=b"x" * 40)
        yield upload

    def test_one_on_its_way(self, upload: Upload) -> None:
        assert kinds(repair=True) == []

    def test_its_file_is_missing(self, upload: Upload) -> None:
        uploads.path_of(upload).unlink()
        assert kinds(repair=True) == [("upload-missing", False)]

    def test_its_file_is_too_short(self, upload: Upload) -> None:
        os.truncate(uploads.path_of(upload), 39)
        assert kinds(repair=True) == [("upload-damaged", False)]

    def test_a_file_that_is_left_over(self, upload: Upload) -> None:
        Upload.objects.update(state=Upload.State.REFUSED)
        path = uploads.path_of(upload)
        assert kinds(grace=timedelta(hours=1), repair=True) == []
        assert kinds() == [("upload-orphaned", False)]
        assert kinds(repair=True) == [("upload-orphaned", True)]
        assert not path.exists()
        assert kinds() == []
