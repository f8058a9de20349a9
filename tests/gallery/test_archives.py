"""ZIP archives of strangers, with all their tricks, and our own, streamed."""

import bz2
import errno
import io
import struct
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any

import pytest

from gallery import archives, unpacking, uploads
from gallery.exceptions import NotNow, UploadRefused
from gallery.models import Image, Upload, User
from tests.gallery.making import encode, noise, plain, zipped

pytestmark = pytest.mark.usefixtures("told")

AT = datetime(2024, 6, 1, 12, 30, tzinfo=UTC)


def sent(owner: User, data: bytes, name: str = "all.zip") -> Upload:
    upload = uploads.upload_create(owner=owner, file_name=name, byte_size=len(data))
    uploads.upload_append(upload=upload, offset=0, data=data)
    return uploads.upload_finish(upload=upload)


def unpacked(owner: User, data: bytes) -> Upload:
    upload = sent(owner, data)
    while unpacking.unpack_some(most=2):
        pass
    upload.refresh_from_db()
    return upload


def refusals(upload: Upload) -> dict[str, str]:
    return dict(upload.report.get("refusals", []))


@pytest.fixture
def red() -> bytes:
    return encode(plain("red"))


def test_each_picture_of_an_archive_is_taken_in(user: User, red: bytes, settings: Any) -> None:
    data = zipped(
        {
            "2024/Ålesund.png": red,
            "2024/again.png": red,
            "b.png": encode(plain("blue")),
            "notes.txt": b"Buy milk.",
            "empty.jpg": b"",
            "__MACOSX/2024/._b.png": b"of the system",
            "2024/.hidden.png": red,
            "2024/Thumbs.db": b"of the system",
            "folder/": b"",
        }
    )
    upload = sent(user, data)
    assert (upload.state, upload.entries) == (Upload.State.UNPACKING, 5)
    assert unpacking.any_due()
    assert unpacking.unpack_some(most=2) == 2
    assert unpacking.unpack_some(most=100) == 3
    assert not unpacking.any_due()
    upload.refresh_from_db()
    assert (upload.state, upload.outcome) == (Upload.State.DONE, "2 uploaded, 1 there already, 2 refused.")
    assert set(Image.objects.values_list("file_name", flat=True)) == {"Ålesund.png", "b.png"}
    assert refusals(upload)["empty.jpg"] == "This file is empty."
    assert "not a picture that we know" in refusals(upload)["notes.txt"]
    assert list(settings.UPLOADS_DIR.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["../../../evil.png", "/etc/evil.png", "C:\\Windows\\evil.png", "a/../../evil.png", "..\\evil.png"]
)
def test_paths_are_data(user: User, red: bytes, tmp_path: Path, name: str) -> None:
    assert unpacked(user, zipped({name: red})).state == Upload.State.DONE
    assert Image.objects.get().file_name == "evil.png"
    assert not list(tmp_path.rglob("evil*"))


def test_a_bomb_is_refused_and_spoils_no_other(user: User, red: bytes) -> None:
    upload = unpacked(user, zipped({"bomb.png": bytes(50_000_000), "red.png": red}))
    assert "too large" in refusals(upload)["bomb.png"]
    assert Image.objects.get().file_name == "red.png"


def test_a_size_that_is_a_lie(user: User, red: bytes) -> None:
    """What an archive says of its entries is not believed: bytes are counted as they come out."""
    data = zipped({"bomb.png": bytes(50_000_000), "red.png": red})
    data = data.replace(struct.pack("<L", 50_000_000), struct.pack("<L", 5_000))
    upload = unpacked(user, data)
    assert refusals(upload)["bomb.png"] == "This file is damaged inside its archive."
    assert Image.objects.get().file_name == "red.png"


def test_more_than_is_said_is_not_read_to_its_end(user: User, settings: Any) -> None:
    settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"bytes": 1_000}
    archive = zipfile.ZipFile(io.BytesIO(zipped({"a.png": bytes(5_000)})))
    [info] = archives.entries(archive)
    with archive:
        info.file_size = 10
        info.CRC = 0
        with pytest.raises(UploadRefused):
            archives.entry_read(archive, info)


def test_too_many_files(user: User, settings: Any) -> None:
    settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"entries": 3}
    upload = sent(user, zipped({f"{number}.png": b"" for number in range(4)}))
    assert upload.state == Upload.State.REFUSED
    assert upload.outcome == "This archive holds 4 files; the limit is 3."


def test_a_list_that_is_too_long_is_not_read(user: User, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of entries is read whole by zipfile: it must be refused before."""
    settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"entries": 10}
    monkeypatch.setattr(archives, "_LEAST_LIST_BYTES", 0)
    upload = sent(user, zipped({f"{number}" * 200: b"" for number in range(100)}))
    assert upload.outcome == "This archive holds more files than the limit, which is 10."


def test_an_entry_behind_a_password(user: User, red: bytes) -> None:
    data = bytearray(zipped({"secret.png": red, "red.png": red}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    upload = unpacked(user, bytes(data))
    assert "password" in refusals(upload)["secret.png"]
    assert Image.objects.get().file_name == "red.png"


def test_an_archive_within_an_archive(user: User, red: bytes) -> None:
    upload = unpacked(user, zipped({"inner.zip": zipped({"red.png": red}), "red.png": red}))
    assert "archive within an archive" in refusals(upload)["inner.zip"]
    assert Image.objects.count() == 1


def test_a_way_of_packing_that_needs_much_memory(user: User, red: bytes) -> None:
    upload = unpacked(user, zipped({"red.png": red}, zipfile.ZIP_LZMA))
    assert upload.state == Upload.State.REFUSED
    assert "packed in a way" in refusals(upload)["red.png"]


def one_entry(method: int, data: bytes, said: int, *, name: bytes = b"bomb.png", flags: int = 0) -> bytes:
    """An archive of one entry, `data` as it is packed, which claims to be `said` bytes long; its checksum is wrong."""
    sizes = (0, len(data), said, len(name), 0)
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 46, flags, method, 0, 0x21, *sizes) + name + data
    central = struct.pack("<4s6H3L5H2L", b"PK\1\2", 46, 46, flags, method, 0, 0x21, *sizes, 0, 0, 0, 0, 0) + name
    return local + central + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(central), len(local), 0)


def test_a_few_bytes_that_claim_much_memory(user: User) -> None:
    """bzip2 has no end in sight: what a piece of it unpacks to is made at once."""
    packed = bz2.compress(bytes(300_000_000))
    assert len(packed) < 1_000
    tracemalloc.start()
    upload = unpacked(user, one_entry(zipfile.ZIP_BZIP2, packed, 5_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert upload.state == Upload.State.REFUSED
    assert peak < 20_000_000


@pytest.mark.parametrize("name", [b"", b"\0evil.png"])
def test_an_entry_without_a_name(user: User, name: bytes) -> None:
    upload = unpacked(user, one_entry(zipfile.ZIP_STORED, b"words", 5, name=name))
    assert refusals(upload) == {"picture.jpg": "This file is damaged inside its archive."}


@pytest.mark.parametrize(
    ("name", "is_hidden"),
    [
        ("__MACOSX/2024/a.png", True),
        ("2024\\__macosx\\a.png", True),
        ("2024/.a.png", True),
        ("2024/THUMBS.DB", True),
        ("desktop.ini", True),
        (".cache/a.png", False),
        ("2024/my__MACOSX/a.png", False),
        ("__MACOSX.png", False),
        ("/__MACOSX" * 5_000 + "/\nx", True),
    ],
)
def test_what_systems_hide_is_told_from_what_people_pack(name: str, is_hidden: bool) -> None:
    with zipfile.ZipFile(io.BytesIO(zipped({name: b"data"}))) as archive:
        assert (archives.entries(archive) == []) == is_hidden


def test_names_in_utf8_that_do_not_say_so(user: User, red: bytes) -> None:
    """As the Finder packs them; and others are as old systems have them."""
    for packed, name in (("Ålesund.png".encode(), "Ålesund.png"), (b"\x8flesund.png", "Ålesund.png")):
        Image.objects.all().delete()
        placeholder = "x" * len(packed)
        unpacked(user, zipped({placeholder: red}).replace(placeholder.encode(), packed))
        assert Image.objects.get().file_name == name


def test_few_files_may_still_be_large_ones_and_have_a_comment(user: User, settings: Any) -> None:
    settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"entries": 2}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("noise.png", encode(noise((200, 200))))
        archive.comment = b"of our summer"
    assert unpacked(user, buffer.getvalue()).outcome == "1 uploaded, 0 there already, 0 refused."


def test_a_full_disk_is_not_the_archives_fault(red: bytes, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archives.tempfile, "TemporaryFile", lambda **given: Full())
    archive = zipfile.ZipFile(io.BytesIO(zipped({"red.png": red})))
    with archive, pytest.raises(NotNow, match="no room left"):
        archives.entry_read(archive, archive.infolist()[0])


def test_an_entry_that_is_damaged(user: User, red: bytes) -> None:
    data = zipped({"bad.png": red, "blue.png": encode(plain("blue"))}, zipfile.ZIP_STORED)
    upload = unpacked(user, data.replace(red, red[:-1] + b"x", 1))
    assert refusals(upload) == {"bad.png": "This file is damaged inside its archive."}
    assert Image.objects.get().file_name == "blue.png"


@pytest.mark.parametrize("data", [b"PK\x03\x04", zipped({"red.png": bytes(5_000)})[:-30], b"PK\x05\x06" + bytes(10)])
def test_an_archive_that_is_damaged(user: User, data: bytes) -> None:
    upload = sent(user, data)
    assert (upload.state, upload.outcome) == (Upload.State.REFUSED, "This archive is damaged or cut short.")


def test_an_archive_without_a_picture(user: User) -> None:
    assert sent(user, zipped({"__MACOSX/x": b"y", "folder/": b""})).outcome == "There is no picture in this archive."


def test_archives_of_office_are_no_archives_of_pictures(user: User, red: bytes) -> None:
    upload = sent(user, zipped({"word/media/red.png": red}), name="letter.docx")
    assert upload.state == Upload.State.REFUSED
    assert not Image.objects.exists()


def test_what_an_archive_may_unpack_to_in_all_is_bounded(
    user: User, red: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "_RATIO_FROM_BYTES", len(red) + 1)
    monkeypatch.setattr(unpacking, "_MOST_RATIO", 0)
    upload = unpacked(user, zipped({"red.png": red, "blue.png": encode(plain("blue"))}))
    assert refusals(upload) == {"blue.png": unpacking.TOO_MUCH}


class Killed(BaseException):
    """Stands for the end of the process, after which nothing more is done."""


def test_a_worker_that_dies_midway_loses_nothing(user: User, red: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = sent(user, zipped({"red.png": red, "blue.png": encode(plain("blue"))}))
    report = unpacking._report

    def die(*args: Any) -> None:
        raise Killed

    monkeypatch.setattr(unpacking, "_report", die)
    with pytest.raises(Killed):  # the picture is there, and the row doesn't know
        unpacking.unpack_some(most=10)
    monkeypatch.setattr(unpacking, "_report", report)
    unpacking.unpack_some(most=10)
    upload.refresh_from_db()
    assert upload.outcome == "1 uploaded, 1 there already, 0 refused."
    assert Image.objects.count() == 2


def test_an_entry_that_kills_its_worker_is_given_up(user: User, red: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    take = unpacking.picture_take

    def die_of_the_first(**given: Any) -> Any:
        if given["file_name"] == "red.png":
            raise Killed
        return take(**given)

    upload = sent(user, zipped({"red.png": red, "blue.png": encode(plain("blue"))}))
    monkeypatch.setattr(unpacking, "picture_take", die_of_the_first)
    for _ in range(unpacking.ATTEMPTS):
        with pytest.raises(Killed):
            unpacking.unpack_some(most=10)
    unpacking.unpack_some(most=10)
    upload.refresh_from_db()
    assert "stopped the site" in refusals(upload)["red.png"]
    assert Image.objects.get().file_name == "blue.png"


def streamed(members: list[tuple[str, bytes | None]]) -> zipfile.ZipFile:
    """An archive of these; None: the bytes are missing."""

    def open_(data: bytes | None) -> IO[bytes]:
        if data is None:
            raise FileNotFoundError
        return io.BytesIO(data)

    pieces = archives.stream(archives.Member(name, AT, partial(open_, data)) for name, data in members)
    return zipfile.ZipFile(io.BytesIO(b"".join(pieces)))


def test_what_is_streamed_is_an_archive() -> None:
    with streamed([("Ålesund.jpg", b"one"), ("b.jpg", bytes(1_000_000))]) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["Ålesund.jpg", "b.jpg"]
        assert archive.read("b.jpg") == bytes(1_000_000)
        info = archive.getinfo("Ålesund.jpg")
        assert info.date_time == (2024, 6, 1, 12, 30, 0)
        assert info.compress_type == zipfile.ZIP_STORED
        assert info.flag_bits & 0x800  # the name is UTF-8


def test_names_that_come_twice_are_numbered() -> None:
    names = ["a.jpg", "A.JPG", "a.jpg", "a (2).jpg", "../up.jpg", "noext", "noext", ""]
    with streamed([(name, name.encode()) for name in names]) as archive:
        assert archive.namelist() == [
            "a.jpg",
            "A (2).JPG",
            "a (3).jpg",
            "a (2) (2).jpg",
            "_.._up.jpg",
            "noext",
            "noext (2)",
            "picture",
        ]


def test_names_that_windows_takes() -> None:
    names = ['12:30 "noon"?.jpg', "CON.jpg", "nul", "com1.tar.gz", "console.jpg", "dots...", "tab\there.jpg", "a. .jpg"]
    with streamed([(name, b"x") for name in names]) as archive:
        assert archive.namelist() == [
            "12_30 _noon__.jpg",
            "_CON.jpg",
            "_nul",
            "_com1.tar.gz",
            "console.jpg",
            "dots",
            "tab_here.jpg",
            "a. .jpg",
        ]


def test_what_is_missing_is_told() -> None:
    with streamed([("a.jpg", b"one"), ("gone.jpg", None)]) as archive:
        assert archive.namelist() == ["a.jpg", "MISSING.txt"]
        assert "gone.jpg" in archive.read("MISSING.txt").decode()


def test_a_table_of_captions_names_the_files() -> None:
    members = [
        archives.Member("a.jpg", AT, lambda: io.BytesIO(b"one"), ("Evening", "a boat, at sea")),
        archives.Member("a.jpg", AT, lambda: io.BytesIO(b"two"), ("=1+1", "")),
    ]
    pieces = b"".join(archives.stream(members, columns=("title", "caption")))
    with zipfile.ZipFile(io.BytesIO(pieces)) as archive:
        assert archive.read("captions.csv").decode().splitlines() == [
            "file,title,caption",
            'a.jpg,Evening,"a boat, at sea"',
            "a (2).jpg,'=1+1,",
        ]


def test_nothing_is_an_archive_too() -> None:
    with streamed([]) as archive:
        assert archive.namelist() == []


def test_memory_does_not_grow_with_the_archive() -> None:
    class Zeros(io.RawIOBase):
        left = 20_000_000

        def read(self, size: int | None = -1) -> bytes:
            given = min(self.left, size or 0)
            self.left -= given
            return bytes(given)

    def members() -> Iterator[archives.Member]:
        for number in range(5):
            yield archives.Member(f"{number}.jpg", AT, Zeros)  # type: ignore[arg-type]

    tracemalloc.start()
    total = sum(len(piece) for piece in archives.stream(members()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total > 100_000_000
    assert peak < 5_000_000
