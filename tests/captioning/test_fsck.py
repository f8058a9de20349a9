"""Each thing that can be wrong with captions is made so on purpose."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from captioning import fsck
from captioning.models import Caption
from captioning.services import caption_reject, caption_write_by_person
from gallery.findings import Finding, Scope
from gallery.models import Image, Stage, User
from mmsite import worker
from search import versions


@pytest.fixture
def image(fresh_index: None, make_image: Callable[..., Image]) -> Image:
    """A picture that a model described."""
    versions.model_version_ensure()
    image = make_image()
    worker.work_until_idle()
    image.refresh_from_db()
    return image


def check(**scope: Any) -> list[Finding]:
    return list(fsck.CHECK.run(Scope(**scope)))


def kinds(**scope: Any) -> list[tuple[str, bool]]:
    return [(finding.kind, finding.repaired) for finding in check(**scope)]


def said(image: Image) -> tuple[str, bool]:
    image = Image.with_trash.get(pk=image.pk)
    return image.description, image.description_by_person


def test_pictures_that_are_well(image: Image, make_image: Callable[..., Image], user: User) -> None:
    assert kinds() == []
    make_image("blue")  # which nobody has described yet
    caption_write_by_person(image_id=image.pk, author=user, text="a red wall")
    assert kinds() == []


def test_a_rejected_caption_is_a_decision(image: Image, user: User) -> None:
    caption_reject(caption=Caption.objects.get(), person=user)
    assert kinds(repair=True) == []
    assert said(image) == ("", False)


def test_one_that_is_gone_is_made_again(image: Image) -> None:
    text = image.description
    Caption.objects.all().delete()
    Image.objects.update(description="")
    [finding] = check()
    assert (finding.kind, finding.subject) == ("caption-missing", f"picture {image.uuid}")
    assert kinds(repair=True) == [("caption-missing", True)]
    assert kinds() == [], "it is being made"
    worker.work_until_idle()
    assert said(image) == (text, False)


def test_in_the_trash_it_counts_too(image: Image) -> None:
    Image.objects.update(trashed_at=timezone.now())
    Caption.objects.update(is_current=False)
    assert kinds(repair=True) == [("caption-missing", True)]
    assert kinds() == []


def test_where_none_is_current_what_a_person_said_is(image: Image, user: User) -> None:
    caption_write_by_person(image_id=image.pk, author=user, text="a red wall")
    Caption.objects.update(is_current=False)
    Caption.objects.filter(source=Caption.Source.MODEL).update(created_at=timezone.now())
    Image.objects.update(description="", description_by_person=False)
    assert kinds(repair=True) == [("caption-missing", True)]
    assert said(image) == ("a red wall", True)
    assert kinds() == []
    assert not Stage.objects.exclude(state="done").filter(step="caption").exists()


@pytest.mark.parametrize("wrong", [{"description": "something else"}, {"description": ""}])
def test_a_description_that_differs_is_set_right(image: Image, wrong: dict[str, Any]) -> None:
    text = image.description
    Image.objects.update(**wrong)
    assert kinds() == [("caption-differs", False)]
    assert kinds(repair=True) == [("caption-differs", True)]
    assert said(image) == (text, False)
    assert kinds() == []


def test_a_description_that_is_left_of_no_caption_goes(image: Image, user: User) -> None:
    caption_reject(caption=Caption.objects.get(), person=user)
    Image.objects.update(description="left over")
    assert kinds(repair=True) == [("caption-differs", True)]
    assert said(image) == ("", False)


@pytest.mark.parametrize("is_rejected", [True, False])
def test_words_of_a_person_that_no_caption_has_become_one(image: Image, user: User, is_rejected: bool) -> None:
    if is_rejected:
        caption_reject(caption=Caption.objects.get(), person=user)
    Image.objects.update(description="what Ada said", description_by_person=True)
    assert kinds() == [("caption-differs", False)]
    assert kinds(repair=True) == [("caption-differs", True)]
    assert said(image) == ("what Ada said", True)
    caption = Caption.objects.get(is_current=True)
    assert (caption.text, caption.source, caption.author) == ("what Ada said", "person", None)
    assert Caption.objects.count() == 2
    assert kinds() == []
