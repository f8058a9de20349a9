"""Every change to pictures. Bytes first, then rows, then the acknowledgement."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple
from uuid import uuid4

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from PIL import Image as PILImage

from gallery import renditions, stages
from gallery.albums import album_remove, albums_lock
from gallery.chunks import AT_ONCE, in_chunks
from gallery.counted import hold, holders, recount
from gallery.exceptions import NoRoom, NotNow, UploadRefused
from gallery.formats import FORMATS
from gallery.models import Album, Image, ImageQuerySet, Rendition, Stage, Tag, User, Visibility
from gallery.outages import is_full
from gallery.pipeline import get_pipeline
from gallery.quotas import room_check, room_take
from gallery.storage import files_delete, kept_if_used, original_name, rendition_name
from gallery.trash import images_restore
from gallery.validators import PictureFacts, digest_upload, inspect_upload

logger = logging.getLogger(__name__)


class ImageCreation(NamedTuple):
    """`created` is False when the owner had a picture of the very same bytes: `image` is that one, and `restored` says
    whether it lay in the trash and is back."""

    image: Image
    created: bool
    restored: bool = False


def image_create(
    *,
    owner: User,
    file: "File[bytes]",
    file_name: str,
    visibility: str = Visibility.PRIVATE,
    priority: Stage.Priority = Stage.Priority.INTERACTIVE,
    caption: str = "",
) -> ImageCreation:
    """Takes a picture in: checks it, stores it durably, and opens its work. Nothing stays behind on failure.

    `caption` is what somebody wrote beside the file; it counts for more than what stands in it.
    Raises UploadRefused with a sentence for the person who gave it.
    """
    digest = digest_upload(file)
    if existing := _existing(owner, digest.sha256, visibility):
        return existing
    room_check(owner=owner, byte_size=digest.byte_size)
    facts = inspect_upload(file, file_name, digest=digest)
    facts = replace(facts, caption=caption or facts.caption)
    try:
        image = _image_store(owner=owner, file=file, facts=facts, visibility=visibility, priority=priority)
    except IntegrityError:
        if not User.objects.filter(pk=owner.pk).exists():
            raise UploadRefused(_("This account was deleted meanwhile.")) from None
        # The same bytes came twice at once, and the other one was quicker.
        existing = _existing(owner, digest.sha256, visibility)
        if existing is None:
            raise
        return existing
    return ImageCreation(image, created=True)


def _existing(owner: User, sha256: str, visibility: str) -> ImageCreation | None:
    """The owner's picture of these bytes, where there is one. From the trash it comes back to be seen by those for whom
    it is uploaded now, and by nobody else: not by those with whom it was shared before."""
    image = Image.with_trash.filter(owner=owner, sha256=sha256).first()
    if image is None or image.trashed_at is None:
        return ImageCreation(image, created=False) if image else None
    with transaction.atomic():
        restored = bool(Image.with_trash.filter(trashed_at__isnull=False).lock([image.pk]))
        if restored:
            albums_lock(image_ids=[image.pk])
            for album in Album.objects.seen_by_others(owner).filter(images=image).order_by("pk"):
                album_remove(album=album, images=Image.with_trash.filter(pk=image.pk))
            image_set_visibility(image=image, visibility=visibility)
            images_restore(images=[image], by=owner)
    image = Image.objects.filter(pk=image.pk).first()  # None: it was just purged
    return ImageCreation(image, created=False, restored=restored) if image else None


def _image_store(
    *, owner: User, file: "File[bytes]", facts: PictureFacts, visibility: str, priority: Stage.Priority
) -> Image:
    now = timezone.now()
    image = Image(
        uuid=uuid4(),
        owner=owner,
        visibility=Visibility(visibility),
        sha256=facts.sha256,
        byte_size=facts.byte_size,
        format=facts.format,
        file_name=facts.file_name,
        width=facts.width,
        height=facts.height,
        frames=facts.frames,
        uploaded_at=now,
        taken_at=facts.taken_at,
        sort_date=facts.taken_at or now,
        camera_make=facts.camera.make,
        camera_model=facts.camera.model,
        orientation=facts.orientation,
        latitude=facts.gps.latitude if facts.gps else None,
        longitude=facts.gps.longitude if facts.gps else None,
    )
    with kept_if_used(lambda name: Image.with_trash.filter(uuid=image.uuid).exists()) as stored:
        name = original_name(image.uuid, FORMATS[facts.format].extension)
        stored.append(name)  # before it is there: an interrupt may come while it is being stored
        image.original.name = _bytes_store(name, file)
        with transaction.atomic():
            room_take(owner=owner, byte_size=image.byte_size)
            image.save(force_insert=True)
            stages.open_for(images=[image], priority=priority)
            if facts.caption:
                get_pipeline().captioned(image=image, text=facts.caption)
            # The wake-up is a convenience: the sweep finds the stages without it.
            transaction.on_commit(get_pipeline().wake, robust=True)
    return image


def _bytes_store(name: str, file: "File[bytes]") -> str:
    try:
        return default_storage.save(name, file)
    except OSError as error:
        logger.exception("Could not store %s", name)
        if is_full(error):
            raise NoRoom(_("There is no room left on this site to store the picture.")) from error
        raise NotNow(_("The picture could not be stored; please try again later.")) from error


def image_set_visibility(*, image: Image, visibility: str) -> Image:
    """Says who may see a picture. Raises ValueError for a visibility that there isn't."""
    images_set_visibility(images=Image.with_trash.filter(pk=image.pk), visibility=visibility)
    image.visibility = Visibility(visibility)
    return image


def images_set_visibility(*, images: ImageQuerySet, visibility: str) -> dict[str, list[int]]:
    """Says who may see pictures. For each visibility that some had before, and not this one, their ids.

    Raises ValueError for a visibility that there isn't.
    """
    visibility = Visibility(visibility)
    before: dict[str, list[int]] = {}
    with transaction.atomic():
        others = images.exclude(visibility=visibility).locked()
        for pk, was in others.values_list("pk", "visibility"):
            before.setdefault(was, []).append(pk)
        changed = [pk for ids in before.values() for pk in ids]
        for chunk in in_chunks(changed, AT_ONCE):
            Image.with_trash.filter(pk__in=chunk).update(visibility=visibility)
        if changed:
            get_pipeline().changed(image_ids=changed)
    return before


def image_set_words(
    *, image: Image, title: str, notes: str, place: str | None = None, place_by_person: bool = True
) -> None:
    """Sets a picture's title and the notes on it, both seen by whoever sees the picture; "" for none.

    So is a `place`, once its owner says another one than the coordinates did; None leaves it. Not `place_by_person`:
    it is the coordinates' again.
    """
    said = {"place": place, "place_by_person": place_by_person} if place is not None and place != image.place else {}
    Image.with_trash.filter(pk=image.pk).update(title=title, notes=notes, **said)


def image_describe(*, image_id: int, text: str, unsure: bool, by_person: bool) -> None:
    """Sets the alt text to the current caption. For captioning.services, in the transaction of the caption itself."""
    image = Image.with_trash.filter(pk=image_id)
    before, was_by_person = image.values_list("description", "description_by_person").first() or ("", False)
    image.update(description=text, description_unsure=unsure, description_by_person=by_person)
    if by_person or was_by_person:  # nobody says any more what somebody said
        get_pipeline().described()
    if text != before and (before or by_person):  # a model's first caption is part of the usual work
        get_pipeline().recaptioned(image_id=image_id)


def image_set_text(*, image_id: int, text: str) -> None:
    """Sets what can be read in the picture. For reading.services, in the transaction that records it."""
    Image.with_trash.filter(pk=image_id).update(text_in_picture=text)


def images_delete(*, images: Iterable[Image]) -> int:
    """Deletes pictures for good with all that is known of them, and their files once that is certain; how many there
    were. What people delete goes to the trash: see gallery.trash."""
    chunks = list(in_chunks((image.pk for image in images), AT_ONCE))
    with transaction.atomic():
        # Locked, so that no worker adds a rendition between the reading of the names and the deletion; all of them
        # before anything else, in one order, and then their albums, so that no two writers wait for each other.
        locked = Image.with_trash.select_for_update().order_by("pk").only("original", "owner_id", "trashed_at")
        found = {image.pk: image for chunk in chunks for image in locked.filter(pk__in=chunk)}
        albums_lock(image_ids=found)
        kept = {image.pk: image.owner_id for image in found.values() if image.trashed_at is None}
        albums, tags = holders(Album, kept), holders(Tag, kept)
        owners = User.objects.filter(pk__in=set(kept.values()))
        list(owners.select_for_update(no_key=True).order_by("pk"))  # as whoever tags does
        hold(Tag, tags)
        names = [str(image.original) for image in found.values()]
        for chunk in chunks:
            names += Rendition.objects.filter(image__in=chunk).values_list("file", flat=True)
            get_pipeline().forget(image_ids=[pk for pk in chunk if pk in found])
            Image.with_trash.filter(pk__in=chunk).delete()
        recount(Album, albums)
        recount(Tag, tags)
        transaction.on_commit(partial(files_delete, names), robust=True)
    return len(found)


def users_delete(*, users: Iterable[User]) -> None:
    """Deletes people with all of their pictures."""
    user_ids = [user.pk for user in users]
    with transaction.atomic():
        theirs = Image.with_trash.filter(owner__in=user_ids)
        images_delete(images=theirs)
        # Locked, which waits for what they upload at this moment and keeps out what comes later; pictures first, since
        # all others lock these before they refer to people. Then what came meanwhile.
        list(User.objects.select_for_update().filter(pk__in=user_ids).order_by("pk"))
        images_delete(images=theirs.all())
        User.objects.filter(pk__in=user_ids).delete()


def renditions_create(*, image: Image, picture: PILImage.Image) -> list[Rendition]:
    """Makes and stores every rendition of `image`, given as `decoding.open_picture` returns it.

    See `renditions_store`. Raises UploadRefused when the original of an animation can't be read any more.
    """
    return renditions_store(image=image, made=renditions.render_all(image=image, picture=picture))


def renditions_store(*, image: Image, made: Sequence[renditions.Made]) -> list[Rendition]:
    """Stores what `renditions.render_all` made, which needs no database and so may be done by any thread.

    Replaces those of an earlier run; two workers at once end with one set. Empty when the picture was deleted
    meanwhile. Raises OSError when the disk fails.
    """
    with kept_if_used(lambda name: image.renditions.filter(file=name).exists()) as stored:
        for rendition in made:
            rendition.row.file.name = default_storage.save(
                rendition_name(image.uuid, rendition.row.kind), rendition.content
            )
            stored.append(rendition.row.file.name)
        rows = [rendition.row for rendition in made]
        with transaction.atomic():
            # The lock on the picture makes workers take turns, and deletion wait.
            if not Image.with_trash.select_for_update().filter(pk=image.pk).exists():
                rows, outdated = [], list(stored)
            else:
                before = Rendition.objects.filter(image=image)
                # A name whose file had been lost is free, and may be a new one's.
                outdated = list(before.exclude(file__in=stored).values_list("file", flat=True))
                before.delete()
                Rendition.objects.bulk_create(rows)
            transaction.on_commit(partial(files_delete, outdated), robust=True)
    return rows
