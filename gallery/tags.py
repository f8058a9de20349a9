"""Tags: people's own words on their own pictures.

What makes tags or takes them away locks the pictures and then their owner, so that it happens one after the other.
"""

from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from gallery.chunks import AT_ONCE, in_chunks
from gallery.models import Image, ImageQuerySet, ImageTag, Tag, User
from gallery.names import folded, tidy


def tags_of(owner: User) -> QuerySet[Tag]:
    """The owner's tags that any picture has, by name; what lies in the trash doesn't count."""
    uses = ImageTag.objects.filter(tag=OuterRef("pk"), image__trashed_at=None)
    return Tag.objects.filter(Exists(uses), owner=owner).order_by("key")


def tags_counted(owner: User) -> QuerySet[Tag]:
    """The same, each with its number of `pictures`."""
    return tags_of(owner).annotate(pictures=Count("images", filter=Q(images__trashed_at=None)))


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
        _keep_words(pk for ids in new.values() for pk in ids)
    return {tag.name: ids for tag, ids in new.items()}


def images_untag(*, owner: User, images: ImageQuerySet, name: str) -> list[int]:
    """Takes a tag of the owner's off pictures; the ids of those that had it."""
    with transaction.atomic():
        found = [image.pk for image in _lock(owner.pk, images.filter(owner=owner))]
        links = ImageTag.objects.filter(tag__owner=owner, tag__key=folded(name), image__in=found)
        lost = list(links.order_by("image").values_list("image", flat=True))
        links.delete()
        _keep_words(lost)
    return lost


def tag_rename(*, tag: Tag, name: str) -> Tag:
    """Gives a tag another name; where the owner has a tag of that name, the two become the one that is returned."""
    with transaction.atomic():
        found = _lock(tag.owner_id, Image.with_trash.filter(tags=tag))
        other = Tag.objects.filter(owner=tag.owner_id, key=folded(name)).exclude(pk=tag.pk).first()
        if other is not None:
            links = ImageTag.objects.filter(tag=tag).exclude(image__in=Image.with_trash.filter(tags=other))
            links.update(tag=other)
            tag.delete()
            tag = other
        tag.name, tag.key = tidy(name), folded(name)
        Tag.objects.filter(pk=tag.pk).update(name=tag.name, key=tag.key)
        _keep_words([image.pk for image in (*found, *Image.with_trash.filter(tags=tag).only("pk"))])
    return tag


def tag_delete(*, tag: Tag) -> None:
    """Takes a tag off all pictures; the pictures stay."""
    with transaction.atomic():
        found = _lock(tag.owner_id, Image.with_trash.filter(tags=tag))
        tag.delete()
        _keep_words([image.pk for image in found])


def _links(tags: Iterable[Tag], image_ids: Iterable[int]) -> set[tuple[int, int]]:
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
    list(User.objects.filter(pk=owner_id).select_for_update(no_key=True))
    return found
