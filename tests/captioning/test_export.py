"""Approved captions become a data set that training reads, and stay level with the gallery."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from PIL import Image as PILImage

from captioning import services
from captioning.export import Export, captions_export, split_of
from gallery import services as gallery_services
from gallery.models import Image, Rendition
from ml.datasets import imagefolder
from ml.datasets.examples import SPLITS, Example, read
from ml.errors import DatasetError
from ml.interfaces import CaptionResult, ModelInfo
from tests.gallery.making import encode, plain

MakeImage = Callable[..., Image]

COLOURS = [(red, green, 40) for red in range(0, 250, 50) for green in range(0, 250, 50)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "export"


def say(image: Image, text: str) -> None:
    services.caption_write_by_person(image_id=image.pk, author=image.owner, text=text)


def guess(image: Image, text: str) -> None:
    info = ModelInfo(name="one", revision="1", weights_hash="1" * 64, preprocessing="none")
    services.caption_record(image_id=image.pk, result=CaptionResult(text, 0.9), info=info, unsure=False)


def found(folder: Path) -> dict[str, Example]:
    """What the data set says, by the picture's uuid; every file of it is named by a row."""
    examples = [example for split in imagefolder.splits(folder) for example in imagefolder.read(folder, split)]
    files = {path for path in folder.rglob("*") if path.is_file() and path.name != imagefolder.METADATA}
    assert files == {example.path for example in examples}
    return {example.path.stem: example for example in examples}


@pytest.fixture
def approved(make_image: MakeImage) -> list[Image]:
    """Pictures with captions by their owner."""
    images = [make_image(colour) for colour in COLOURS]
    for number, image in enumerate(images):
        say(image, f"picture {number}")
    return images


def test_approved_captions_and_the_originals_go_out(approved: list[Image], folder: Path) -> None:
    export = captions_export(folder=folder)
    assert (export.added, export.changed, export.dropped, export.skipped) == (len(approved), 0, 0, [])
    examples = found(folder)
    for number, image in enumerate(approved):
        example = examples[str(image.uuid)]
        assert example.captions == (f"picture {number}",)
        assert (example.source, example.licence) == (f"gallery/{image.uuid}", "as held by the owner")
        assert example.path.parent.name == split_of(image, 0)
        with image.original.open("rb") as original:
            assert example.path.read_bytes() == original.read()
    assert export.pictures == {split: len(list(imagefolder.read(folder, split))) for split in SPLITS}


def test_only_what_a_person_said_last_goes_out(make_image: MakeImage, folder: Path) -> None:
    guessed, corrected, kept, silent = (make_image(colour) for colour in ("red", "green", "blue", "white"))
    for image in (guessed, corrected, kept):
        guess(image, "a dog")
    say(corrected, "a cat")
    say(corrected, "two cats")
    say(kept, "a dog")  # the model's words, approved
    captions_export(folder=folder)
    assert {uuid: example.captions for uuid, example in found(folder).items()} == {
        str(corrected.uuid): ("two cats",),
        str(kept.uuid): ("a dog",),
    }
    assert str(silent.uuid) not in found(folder)


def test_done_again_it_is_brought_level(
    approved: list[Image], make_image: MakeImage, folder: Path, other_user: Any
) -> None:
    captions_export(folder=folder)
    before = found(folder)
    assert captions_export(folder=folder) == Export(
        pictures={split: len(list(imagefolder.read(folder, split))) for split in SPLITS}
    )

    say(approved[0], "changed")
    gallery_services.images_delete(images=[approved[1]])
    new = make_image("white")
    say(new, "new")
    export = captions_export(folder=folder)

    assert (export.added, export.changed, export.dropped) == (1, 1, 1)
    after = found(folder)
    assert after[str(approved[0].uuid)].captions == ("changed",)
    assert str(approved[1].uuid) not in after
    assert after[str(new.uuid)].captions == ("new",)
    stayed = [str(image.uuid) for image in approved[2:]]
    assert [after[uuid] for uuid in stayed] == [before[uuid] for uuid in stayed]  # none moved between splits


def test_every_split_gets_its_share_and_the_seed_draws_it(approved: list[Image], folder: Path) -> None:
    shares = dict.fromkeys(SPLITS, 0)
    for number in range(2000):
        shares[split_of(Image(sha256=f"{number:064x}"), 0)] += 1
    assert shares["train"] == pytest.approx(1600, abs=80)
    assert shares["dev"] == pytest.approx(200, abs=60)
    assert shares["test"] == pytest.approx(200, abs=60)

    captions_export(folder=folder)
    before = found(folder)
    captions_export(folder=folder, split_seed=1)
    after = found(folder)
    assert before.keys() == after.keys()
    assert any(before[uuid].path != after[uuid].path for uuid in before)
    assert {example.path.parent.name for example in after.values()} == {split_of(image, 1) for image in approved}


def test_the_same_picture_of_two_people_is_in_one_split(make_image: MakeImage, other_user: Any, folder: Path) -> None:
    for colour in COLOURS:
        for owner in (None, other_user):
            say(make_image(colour, owner=owner), "a colour")
    captions_export(folder=folder)
    splits: dict[bytes, set[str]] = {}
    for example in found(folder).values():
        splits.setdefault(example.path.read_bytes(), set()).add(example.path.parent.name)
    assert len(splits) == len(COLOURS)
    assert all(len(names) == 1 for names in splits.values())


def test_pictures_of_named_owners_alone(make_image: MakeImage, user: Any, other_user: Any, folder: Path) -> None:
    hers, his = make_image("red"), make_image("blue", owner=other_user)
    say(hers, "hers")
    say(his, "his")
    captions_export(folder=folder, owners=[user])
    assert found(folder).keys() == {str(hers.uuid)}
    captions_export(folder=folder, owners=[user, other_user])
    assert found(folder).keys() == {str(hers.uuid), str(his.uuid)}
    captions_export(folder=folder, owners=[other_user])
    assert found(folder).keys() == {str(his.uuid)}


def upload(picture: bytes, name: str, owner: Any) -> Image:
    return gallery_services.image_create(owner=owner, file=ContentFile(picture, name=name), file_name=name).image


def test_what_pillow_cannot_read_goes_out_as_its_largest_rendition(user: Any, folder: Path) -> None:
    image = upload(encode(plain("red", (300, 200)), "HEIF"), "phone.heic", user)
    say(image, "a red wall")
    assert captions_export(folder=folder).skipped == [f"phone.heic ({image.uuid}): its file is not there (yet)."]
    assert found(folder) == {}

    for kind, size in {Rendition.Kind.THUMBNAIL: (30, 20), Rendition.Kind.PREVIEW: (90, 60)}.items():
        content = encode(plain("red", size), "WEBP")
        row = Rendition(image=image, kind=kind, width=size[0], height=size[1], byte_size=len(content))
        row.file.save(f"{kind}.webp", ContentFile(content))
        row.save()
    assert captions_export(folder=folder).added == 1
    example = found(folder)[str(image.uuid)]
    assert example.path.suffix == ".webp"
    with PILImage.open(example.path) as picture:
        assert picture.size == (90, 60)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF"])
def test_every_other_format_goes_out_as_it_is(user: Any, folder: Path, format: str) -> None:
    image = upload(encode(plain("red", (30, 20)), format), f"picture.{format.lower()}", user)
    say(image, "a red wall")
    captions_export(folder=folder)
    with PILImage.open(found(folder)[str(image.uuid)].path) as picture:
        assert (picture.format, picture.size) == (format, (30, 20))


def test_an_original_that_is_lost_is_told_and_the_others_go_out(approved: list[Image], folder: Path) -> None:
    approved[0].original.storage.delete(approved[0].original.name)
    export = captions_export(folder=folder)
    assert export.skipped == [f"picture.jpg ({approved[0].uuid}): its file is not there (yet)."]
    assert export.added == len(approved) - 1


def test_another_data_set_is_left_alone(approved: list[Image], folder: Path) -> None:
    with imagefolder.Writer(folder, "test") as writer:
        writer.add("1.png", b"", captions=["a"], source="gallery/1", licence="CC0")
    with pytest.raises(DatasetError, match="holds a data set that is not an export of this gallery"):
        captions_export(folder=folder)
    assert imagefolder.splits(folder) == ["test"]
    assert [example.path.name for example in read(folder, "test")] == ["1.png"]


def test_what_a_killed_export_left_is_put_right(approved: list[Image], folder: Path) -> None:
    captions_export(folder=folder)
    split = split_of(approved[0], 0)
    with imagefolder.Writer(folder, split) as writer:
        rows = [row for row in imagefolder.rows(folder, split) if str(approved[0].uuid) not in row["file_name"]]
        writer.rewrite(rows)  # now its picture has no row
    gallery_services.images_delete(images=[approved[0]])
    captions_export(folder=folder)
    assert str(approved[0].uuid) not in found(folder)


def test_a_split_without_pictures_is_none(
    approved: list[Image], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a small gallery; Hugging Face's `load_dataset` refuses a set with an empty split."""
    captions_export(folder=folder)
    gallery_services.images_delete(images=[image for image in approved if split_of(image, 0) != "train"])
    assert captions_export(folder=folder).pictures == {"train": len(found(folder)), "dev": 0, "test": 0}
    assert [path.name for path in folder.iterdir()] == ["train"]

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset("imagefolder", data_dir=str(folder), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": len(found(folder))}
