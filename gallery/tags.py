"""Tags: people's own words on their own pictures.

What makes tags or takes them away locks the pictures and then their owner, so that it happens one after the other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from gallery.chunks import AT_ONCE, in_chunks
from gallery.counted import recount
from gallery.models import Image, ImageQuerySet, ImageTag, Tag, User
from gallery.names import folded, tidy


@dataclass(frozen=True)
class Gone:
    """A tag that is no more, under its key, and the ids of the pictures that had it."""

    pk: int
    name: str
    image_ids: list[int]


@dataclass(frozen=True)
class Renaming:
    """What came of another name: the tag that has it, and what that one was called before.

    Where two became one, what is `gone`, and the ids of those of its pictures that hadn't had the other: `moved`.
    """

    tag: Tag
    before: str
    gone: Gone | None = None
    moved: Sequence[int] = ()


def tags_of(owner: User) -> QuerySet[Tag]:
    """The owner's tags that any picture has, by name; what lies in the trash doesn't count."""
    return Tag.objects.filter(owner=owner, pictures__gt=0).order_by("key")


def tags_beside(image: Image) -> tuple[Sequence[Tag], Sequence[Tag]]:
    """The tags of a picture that isn't in the trash, and all that its owner has, by name. One SQL statement."""
    links = ImageTag.objects.filter(tag=OuterRef("pk"), image=image)
    own = list(tags_of(image.owner).annotate(is_on=Exists(links)))
    return [tag for tag in own if tag.is_on], own


def images_tag(*, owner: User, images: ImageQuerySet, names: Iterable[str]) -> dict[str, list[int]]:
    """Puts tags on pictures of the owner, who needs not have had the tags before; others' are left out.

    For each tag the ids of the pictures that didn't have it.
    """
    with transaction.atomic():
        found = _lock(owner.pk, images.filter(owner=owner))
        tags = [_tag_ensure(owner=owner, name=name) for name in names]
        had = _links(tags, [image.pk for image in found])
        new = {tag: [image.pk for image in found if (tag.pk, image.pk) not in had] for tag in tags}
        ImageTag.objects.bulk_create(ImageTag(image_id=pk, tag=tag) for tag, ids in new.items() for pk in ids)
        recount(Tag, [tag.pk for tag in tags])
        _keep_words(pk for ids in new.values() for pk in ids)
    return {tag.name: ids for tag, ids in new.items()}


def images_untag(*, owner: User, images: ImageQuerySet, name: str) -> list[int]:
    """Takes a tag of the owner's off pictures; the ids of those that had it."""
    with transaction.atomic():
        found = [image.pk for image in _lock(owner.pk, images.filter(owner=owner))]
        tags = owner.tags.filter(key=folded(name))
        links = ImageTag.objects.filter(tag__in=tags, image__in=found)
        lost = list(links.order_by("image").values_list("image", flat=True))
        links.delete()
        recount(Tag, tags.values_list("pk", flat=True))
        _keep_words(lost)
    return lost


def tag_rename(*, tag: Tag, name: str) -> Renaming:
    """Gives a tag another name; where the owner has a tag of that name, the two become one.

    For the way back see tag_name_back and tags_part.
    """
    with transaction.atomic():
        others = Tag.objects.filter(owner=tag.owner_id, key=folded(name)).exclude(pk=tag.pk)
        _lock_all(tag.owner_id, ImageTag.objects.filter(Q(tag=tag.pk) | Q(tag__in=others)))
        other = others.first()
        gone, moved = None, []
        if other is not None:
            gone = Gone(tag.pk, tag.name, _pictures(tag.pk))
            had = _links([other], gone.image_ids)
            moved = [pk for pk in gone.image_ids if (other.pk, pk) not in had]
            for chunk in in_chunks(moved, AT_ONCE):
                ImageTag.objects.filter(tag=tag, image__in=chunk).update(tag=other)
            Tag.objects.filter(pk=tag.pk).delete()
            recount(Tag, [other.pk])
            tag = other
        before = tag.name
        _call(tag, name)
    return Renaming(tag, before, gone, moved)


def tag_name_back(*, owner: User, pk: int, before: str, after: str) -> bool:
    """Calls a tag of the owner's what it was called before; False where it isn't called what it was given after that,
    or another tag has the old name by now."""
    with transaction.atomic():
        _lock_all(owner.pk, ImageTag.objects.filter(tag__in=owner.tags.filter(pk=pk)))
        tag = owner.tags.filter(pk=pk, name=after).first()
        if tag is None or owner.tags.filter(key=folded(before)).exclude(pk=pk).exists():
            return False
        _call(tag, before)
    return True


def tags_part(*, owner: User, gone: Gone, moved: Iterable[int], other: int) -> bool:
    """Makes two of the owner's tag with the key `other`, which another went into.

    Those of the gone one's pictures that still have the other one get it back; those that were `moved` lose the other
    one. False where that is none, or the other one is gone, too, or has the gone one's name by now.
    """
    with transaction.atomic():
        found = _lock_ids(owner, gone.image_ids)
        if not owner.tags.filter(pk=other).exclude(key=folded(gone.name)).exists():
            return False
        holding = {pk for _, pk in _links([other], found)}
        _revive(owner, gone, holding)
        for chunk in in_chunks(holding & set(moved), AT_ONCE):
            ImageTag.objects.filter(tag=other, image__in=chunk).delete()
        recount(Tag, owner.tags.filter(Q(pk=other) | Q(key=folded(gone.name))).values_list("pk", flat=True))
        _keep_words(holding)
    return bool(holding)


def tag_delete(*, tag: Tag) -> Gone:
    """Takes a tag off all pictures; the pictures stay. What tag_restore takes."""
    with transaction.atomic():
        _lock_all(tag.owner_id, ImageTag.objects.filter(tag=tag.pk))
        gone = Gone(tag.pk, tag.name, _pictures(tag.pk))
        Tag.objects.filter(pk=gone.pk).delete()
        _keep_words(gone.image_ids)
    return gone


def tag_restore(*, owner: User, gone: Gone) -> list[int]:
    """Puts a tag that was deleted on its pictures again, as far as they are there and the owner's, and under the name
    that a tag of that name has by now; the ids of those that hadn't got it since."""
    with transaction.atomic():
        back = _revive(owner, gone, _lock_ids(owner, gone.image_ids))
        recount(Tag, owner.tags.filter(key=folded(gone.name)).values_list("pk", flat=True))
        _keep_words(back)
    return back


def _revive(owner: User, gone: Gone, image_ids: Iterable[int]) -> list[int]:
    """The ids of the pictures on which the tag is new. Its old key, where it is free, lets other ways back find it."""
    ids = sorted(image_ids)
    key = folded(gone.name)
    if not ids:
        return []
    tag = owner.tags.filter(key=key).first()
    if tag is None:
        pk = None if Tag.objects.filter(pk=gone.pk).exists() else gone.pk
        tag = Tag.objects.create(pk=pk, owner=owner, name=gone.name, key=key)
    had = _links([tag], ids)
    new = [pk for pk in ids if (tag.pk, pk) not in had]
    ImageTag.objects.bulk_create((ImageTag(image_id=pk, tag=tag) for pk in new), batch_size=AT_ONCE)
    return new


def _call(tag: Tag, name: str) -> None:
    """Gives a tag a name, which its pictures then tell."""
    tag.name, tag.key = tidy(name), folded(name)
    Tag.objects.filter(pk=tag.pk).update(name=tag.name, key=tag.key)
    _keep_words(_pictures(tag.pk))


def _pictures(tag: int) -> list[int]:
    """The ids of those that have the tag, in order."""
    return list(ImageTag.objects.filter(tag=tag).order_by("image").values_list("image", flat=True))


def _links(tags: Iterable[Tag | int], image_ids: Iterable[int]) -> set[tuple[int, int]]:
    """Which of the pictures have which of the tags."""
    links = ImageTag.objects.filter(tag__in=list(tags)).values_list("tag", "image")
    return {link for chunk in in_chunks(image_ids, AT_ONCE) for link in links.filter(image__in=chunk)}


def _tag_ensure(*, owner: User, name: str) -> Tag:
    return Tag.objects.get_or_create(owner=owner, key=folded(name), defaults={"name": tidy(name)})[0]


def _keep_words(image_ids: Iterable[int]) -> None:
    """Writes down at the pictures which tags they have, since the words that searches look up are kept with the row."""
    for chunk in in_chunks(image_ids, AT_ONCE):
        names: dict[int, list[str]] = {pk: [] for pk in chunk}
        links = ImageTag.objects.filter(image__in=chunk).order_by("tag__key")
        for image_id, name in links.values_list("image_id", "tag__name"):
            names[image_id].append(name)
        images = [Image(pk=pk, tag_words="\n".join(of_picture)) for pk, of_picture in names.items()]
        Image.with_trash.bulk_update(images, ["tag_words"])


def _lock(owner_id: int, images: ImageQuerySet) -> list[Image]:
    """Locks the pictures, so that none is deleted meanwhile; then their owner."""
    found = list(images.only("pk").locked())
    _lock_owner(owner_id)
    return found


def _lock_ids(owner: User, image_ids: Iterable[int]) -> list[int]:
    """The same, of pictures of the owner's, by id."""
    found = Image.with_trash.filter(owner=owner).lock(image_ids)
    _lock_owner(owner.pk)
    return found


def _lock_all(owner_id: int, links: QuerySet[ImageTag]) -> None:
    """The same, of all pictures that have certain tags: anew where others got one before their owner was locked."""
    while True:
        point = transaction.savepoint()
        found = {image.pk for image in _lock(owner_id, Image.with_trash.filter(pk__in=links.values("image")))}
        if found.issuperset(links.values_list("image", flat=True)):
            return
        transaction.savepoint_rollback(point)  # and lets go of them


def _lock_owner(owner_id: int) -> None:
    list(User.objects.filter(pk=owner_id).select_for_update(no_key=True))
