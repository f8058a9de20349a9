"""Pictures in a bucket: the whole way of a picture, through the real services, to a server that speaks S3's protocol.

The server is moto's. It keeps objects in memory, but the requests and answers are those of the real one.
"""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from django.conf import settings as django_settings
from django.core.checks import run_checks
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from captioning.services import caption_write_by_person
from gallery import s3, services, stages
from gallery.exceptions import UploadRefused
from gallery.models import Image, Stage, User
from gallery.s3 import MEMORY_BYTES
from gallery.storage import StoreUnavailable
from mmsite import checkup, held, tasks, worker
from mmsite.batch import STORE_AWAY
from search import index, versions
from tests.conftest import MakeJpeg
from tests.mmsite.processes import nothing_open, running, wait_for

MakeImage = Callable[..., Image]


def keys(bucket: Any) -> list[str]:
    return sorted(each.key for each in bucket.objects.all())


@pytest.fixture
def indexed(bucket: Any, user: User, client: Client) -> Iterator[None]:
    """Somebody is signed in, and there is a model."""
    client.force_login(user)
    index.reset()
    versions.model_version_ensure()
    yield
    index.reset()


class TestStorage:
    def test_what_was_saved_can_be_read_from_anywhere(self, bucket: Any) -> None:
        content = bytes(range(256)) * (MEMORY_BYTES // 128)
        name = default_storage.save("originals/ab/x.jpg", ContentFile(content))
        assert keys(bucket) == ["site/originals/ab/x.jpg"]
        with default_storage.open(name) as file:
            assert file.size == len(content)
            file.seek(-3, 2)
            assert file.read() == b"\xfd\xfe\xff"

    def test_nothing_is_overwritten_by_many_at_once(self, bucket: Any) -> None:
        start = threading.Barrier(6)
        names: list[str] = []

        def save(number: int) -> None:
            start.wait()
            names.append(default_storage.save("folder/x.bin", ContentFile(b"%d" % number)))

        threads = [threading.Thread(target=save, args=[number]) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert "folder/x.bin" in names
        assert keys(bucket) == sorted(f"site/{name}" for name in names)
        assert {each.get()["Body"].read() for each in bucket.objects.all()} == {b"%d" % n for n in range(6)}

    def test_threads_share_a_connection(self, bucket: Any) -> None:
        with ThreadPoolExecutor(2) as pool:
            made = pool.submit(lambda: default_storage.connection).result()  # type: ignore[attr-defined]
        assert made is default_storage.connection  # type: ignore[attr-defined]

    def test_what_is_missing_is_missing_as_on_a_disk(self, bucket: Any) -> None:
        with pytest.raises(FileNotFoundError):
            default_storage.open("nowhere.jpg")
        default_storage.delete("nowhere.jpg")
        assert not default_storage.exists("nowhere.jpg")
        assert default_storage.listdir("nowhere") == ([], [])

    def test_nothing_leaves_its_prefix(self, bucket: Any) -> None:
        from django.core.exceptions import SuspiciousOperation

        with pytest.raises(SuspiciousOperation):
            default_storage.open("../secret")

    def test_an_upload_that_breaks_off_leaves_nothing(self, bucket: Any) -> None:
        class Breaking(File):  # type: ignore[type-arg]
            def read(self, *args: Any) -> bytes:
                raise ConnectionResetError("gone")

        with pytest.raises(OSError):
            default_storage.save("x.bin", Breaking(ContentFile(b"bytes").file, name="x.bin"))
        assert keys(bucket) == []


def test_the_whole_way_of_a_picture(
    indexed: None, bucket: Any, client: Client, make_image: MakeImage, django_capture_on_commit_callbacks: Any
) -> None:
    image = make_image("red")
    with image.original.open("rb") as file:
        content = file.read()
    assert keys(bucket) == [f"site/{image.original.name}"]

    worker.work_until_idle()
    assert set(Stage.objects.values_list("state", flat=True)) == {"done"}
    assert len(keys(bucket)) == 3
    image.refresh_from_db()
    assert image.description == "a mostly red picture"

    shown = client.get(reverse("rendition", args=[image.uuid, "thumbnail"]))
    body = shown.getvalue()
    assert body[:4] == b"RIFF"
    assert int(shown["Content-Length"]) == len(body)
    assert client.get(reverse("original", args=[image.uuid])).getvalue() == content
    assert bucket.name not in client.get(image.get_absolute_url()).content.decode()

    stages.requeue(image_ids=[image.pk], step="renditions", priority=Stage.Priority.INTERACTIVE)
    with django_capture_on_commit_callbacks(execute=True):
        worker.work_until_idle()
    assert len(keys(bucket)) == 3

    with django_capture_on_commit_callbacks(execute=True):
        services.images_delete(images=[image])
    assert keys(bucket) == []


def test_a_file_can_be_opened_again(bucket: Any, make_image: MakeImage) -> None:
    """As the rendering of animations does: through the same row, once the first reader has closed it."""
    image = make_image("red")
    contents = []
    for _ in range(2):
        with image.original.open("rb") as file:
            contents.append(file.read())
    assert contents[0] == contents[1] != b""


@pytest.mark.process
@pytest.mark.django_db(transaction=True)
def test_a_worker_process_reads_and_writes_the_bucket(
    bucket: Any, environment: dict[str, str], make_image: MakeImage, s3_server: str
) -> None:
    for colour in ("red", "blue"):
        make_image(colour)
    variables = {"BUCKET": bucket.name, "ENDPOINT": s3_server, "REGION": "us-east-1", "ADDRESSING": "path"}
    there = {f"MMSITE_S3_{name}": value for name, value in variables.items()} | {"MMSITE_S3_PREFIX": "site"}
    keys_of_ada = {"AWS_ACCESS_KEY_ID": "ada", "AWS_SECRET_ACCESS_KEY": "engine"}
    with running(environment | there | keys_of_ada, "qcluster"):
        wait_for(nothing_open, "all work is done")
    assert set(Stage.objects.values_list("state", flat=True)) == {"done"}
    assert len(keys(bucket)) == 6


def test_a_folder_goes_in_and_a_data_set_comes_out(
    bucket: Any, user: User, make_jpeg: MakeJpeg, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for colour in ("red", "blue"):
        (photos / f"{colour}.jpg").write_bytes(make_jpeg(colour))
    call_command("import_folder", str(photos), "--owner", user.username)
    assert len(keys(bucket)) == 2
    for image in Image.objects.all():
        caption_write_by_person(image_id=image.pk, author=user, text="a wall")
    call_command("export_dataset", str(tmp_path / "set"))
    exported = [path.read_bytes() for path in (tmp_path / "set").rglob("*.jpg")]
    assert sorted(exported) == sorted(path.read_bytes() for path in photos.iterdir())


def test_a_picture_that_was_only_shown_is_held_in_the_bucket(
    indexed: None, bucket: Any, client: Client, make_jpeg: MakeJpeg
) -> None:
    """So that the next request finds it, whichever machine it reaches."""
    content = make_jpeg("red")
    answer = client.post(reverse("describe"), {"file": SimpleUploadedFile("seen.jpg", content)})
    receipt = answer.context["keep_form"].initial["held"]
    [key] = keys(bucket)
    assert key.startswith("site/held/")
    client.post(reverse("describe-keep"), {"held": receipt, "visibility": "private"})
    image = Image.objects.get()
    with image.original.open("rb") as file:
        assert file.read() == content
    assert keys(bucket) == [f"site/{image.original.name}"]


def test_what_is_held_too_long_is_forgotten(bucket: Any, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    held.hold(owner_id=user.pk, file=ContentFile(b"bytes"), file_name="a.jpg")
    assert held.discard_expired() == 0
    monkeypatch.setattr(held, "HOLD_SECONDS", -10)
    assert held.discard_expired() == 1
    assert keys(bucket) == []


@pytest.fixture
def no_store(bucket: Any, settings: Any) -> None:
    """The bucket is gone, and with it everything that works."""
    default = settings.STORAGES["default"]
    options = default["OPTIONS"] | {"bucket_name": "no-such-bucket"}
    settings.STORAGES = settings.STORAGES | {"default": default | {"OPTIONS": options}}


def test_an_upload_is_refused_in_a_sentence_while_the_store_is_away(
    no_store: None, user: User, make_jpeg: MakeJpeg
) -> None:
    with pytest.raises(UploadRefused, match="could not be stored; please try again later"):
        services.image_create(owner=user, file=ContentFile(make_jpeg(), name="a.jpg"), file_name="a.jpg")
    assert not Image.objects.exists()


def test_work_waits_while_the_store_is_away(bucket: Any, make_image: MakeImage, settings: Any) -> None:
    make_image()
    default = settings.STORAGES["default"]
    options = default["OPTIONS"] | {"endpoint_url": "http://127.0.0.1:9"}
    settings.STORAGES = settings.STORAGES | {"default": default | {"OPTIONS": options}}
    for _ in range(django_settings.STAGE_ATTEMPTS + 1):  # however long that is
        Stage.objects.update(due_at=timezone.now())
        assert worker.work_batch()
    assert set(Stage.objects.values_list("state", "attempts", "error")) == {("pending", 0, STORE_AWAY)}
    assert not stages.any_due()
    with pytest.raises(StoreUnavailable):
        default_storage.open("x")


def test_a_store_that_is_away_is_not_asked_for_each_picture(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen times the patience for one would be more than a task of the worker may take."""
    client = default_storage.connection.meta.client  # type: ignore[attr-defined]
    asked: list[str] = []

    def get_object(**request: str) -> None:
        asked.append(request["Key"])
        raise ReadTimeoutError(endpoint_url="http://store")

    monkeypatch.setattr(client, "get_object", get_object)
    monkeypatch.setattr(s3, "QUIET_SECONDS", 3_600.0)
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            default_storage.open("x")
    assert len(asked) == 1
    default_storage.quiet_until = 0.0  # type: ignore[attr-defined]
    default_storage.save("x", ContentFile(b"bytes"))


def test_the_sweep_goes_on_while_the_store_is_away(no_store: None, user: User) -> None:
    tasks.sweep()
    assert versions.ModelVersion.objects.exists()


def test_the_doctor_tries_the_bucket(bucket: Any) -> None:
    finding = checkup.check_bucket()
    assert finding.is_well
    assert bucket.name in finding.sentence
    assert keys(bucket) == []


def test_the_doctor_misses_the_bucket(no_store: None, user: User) -> None:
    finding = {each.subject: each for each in checkup.examine()}["pictures"]
    assert "NoSuchBucket" in finding.sentence
    assert "MMSITE_S3_BUCKET" in finding.advice


def test_the_doctor_distrusts_a_store_that_overwrites(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = default_storage.connection.meta.client  # type: ignore[attr-defined]
    put = client.put_object

    def put_anyway(*, IfNoneMatch: str, **request: Any) -> Any:
        return put(**request)

    monkeypatch.setattr(client, "put_object", put_anyway)
    assert "If-None-Match" in checkup.check_bucket().advice


def test_no_folder_is_asked_for_where_there_is_a_bucket(bucket: Any, settings: Any) -> None:
    settings.MEDIA_ROOT = Path("/proc/nowhere")
    assert [message.id for message in run_checks(tags=["gallery"])] == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("command", ["--help", "check", "makemigrations --check --dry-run"])
def test_boto3_stays_out_until_a_picture_is_asked_for(environment: dict[str, str], command: str) -> None:
    code = (
        f"import sys; from django.core.management import execute_from_command_line as run; run(['manage.py', "
        f"*{command.split()!r}]); print([m for m in ('boto3', 'botocore', 'storages.backends') if m in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        cwd=django_settings.BASE_DIR,
        env=environment | {"MMSITE_S3_BUCKET": "pictures"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.splitlines()[-1] == "[]"
