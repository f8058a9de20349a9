"""A picture in each state, and everything by which one may hear of it; all of it says words that nothing else does."""

import io
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

from django.core.files.base import ContentFile
from django.utils import timezone
from PIL import Image as PILImage

from api.models import Token, WebhookDelivery
from api.tokens import token_create
from api.webhooks import webhook_create, webhook_ping
from captioning.models import Caption
from captioning.services import caption_reopen, caption_write_by_person, captions_write
from gallery import services
from gallery.albums import album_add, album_create
from gallery.albums_deleted import album_delete
from gallery.links import link_create
from gallery.models import Favourite, Image, Stage, User, Visibility
from gallery.sharing import member_add, member_remove
from gallery.tags import images_tag
from gallery.trash import images_trash
from gallery.uploads import upload_create
from ml.interfaces import ModelInfo, TextLine
from reading.services import text_record
from search import services as search_services
from search.golden import judgement_set
from search.models import ModelVersion, NearDuplicate
from search.saved import search_save

STATES = ("private", "shared", "public", "trashed", "purged")
ABSENT = "absent"
# With what all words of a picture begin: of one length, so that answers about two of them are equally long.
CODES = {"private": "zqkaf", "shared": "zqlum", "public": "zqmor", "trashed": "zqnib", "purged": "zqpel"}
CODES[ABSENT] = "zqvox"
READER = ModelInfo(name="reader", revision="1", weights_hash="0" * 64, preprocessing="none")
CORNERS = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.3), (0.1, 0.3))
LATITUDE = {state: 41.31001 + number for number, state in enumerate(STATES)}
NOBODYS_NUMBER = 900_000_000

# Whoever may see the picture is told of these, who sees its album of that; of all else its owner alone.
SEEN = ("title", "notes", "caption", "tag", "text", "file")
OF_ALBUM = ("album",)


@dataclass(frozen=True)
class Subject:
    """What stands in addresses and forms about one picture. Of the picture that never was: what nothing is called."""

    state: str
    code: str
    uuid: UUID
    album_uuid: UUID
    key: str
    upload_uuid: UUID
    webhook_uuid: UUID
    delivery_uuid: UUID
    pk: int
    caption: int
    written: int
    tag: int
    link: int
    member: str
    membership: int
    judgement: int
    search: int
    token: int
    deleted_album: int

    def word(self, name: str) -> str:
        return f"{self.code}{name}"

    @property
    def current(self) -> str:
        """Its caption."""
        return f"{self.code}caption of a boat"

    @property
    def tag_name(self) -> str:
        return self.word("tag")

    @property
    def names(self) -> dict[str, str]:
        """What may not be heard of by those who may not see the picture; but for numbers, which tell nothing."""
        return {field.name: str(getattr(self, field.name)) for field in fields(self) if field.type in (UUID, "UUID")}


def nothing() -> Subject:
    """The picture that never was."""
    said: dict[str, Any] = {"state": ABSENT, "code": CODES[ABSENT], "key": "n" * 32, "member": "nobody-here"}
    for each in fields(Subject):
        said.setdefault(each.name, uuid4() if each.type in (UUID, "UUID") else NOBODYS_NUMBER)
    return Subject(**said)


class Exhibition:
    """Pictures of `owner` in all states, each in an album that `guest` sees and `former` saw until just now, with
    hearts and judgements of those who might see it then."""

    def __init__(self, owner: User, guest: User, former: User, version: ModelVersion) -> None:
        self.owner, self.guest, self.former, self.version = owner, guest, former, version
        self.subjects = {state: self._subject(state) for state in STATES}
        self.subjects[ABSENT] = nothing()
        self._pair()
        trashed, purged = (Image.objects.get(uuid=self.subjects[state].uuid) for state in ("trashed", "purged"))
        images_trash(images=[trashed, purged], by=owner)
        services.images_delete(images=[purged])

    def _subject(self, state: str) -> Subject:
        code = CODES[state]
        image = self._picture(state)
        ours = Image.objects.filter(pk=image.pk)
        images_tag(owner=self.owner, images=ours, names=[f"{code}tag"])
        album = album_create(owner=self.owner, title=f"{code}album")
        album_add(album=album, images=ours)
        members = [
            member_add(album=album, by=self.owner, username=person.username, role="view")
            for person in (self.guest, self.former)
        ]
        for person, query in ((self.owner, f"{code}query"), (self.guest, "a boat"), (self.former, "a boat")):
            Favourite.objects.create(person=person, image=image)
            judgement_set(owner=person, query=query, image=image, is_right=True)
        member_remove(member=members[1], by=self.owner)
        link = link_create(album=album, by=self.owner, label=f"{code}label", allows_download=True)
        deleted = album_delete(album=album_create(owner=self.owner, title=f"{code}deleted"), by=self.owner)
        webhook = webhook_create(
            owner=self.owner, url=f"https://example.com/{code}hook", events=["image.trashed", "caption.changed"]
        ).webhook
        webhook_ping(webhook=webhook)
        token = token_create(owner=self.owner, name=f"{code}token", scopes=["read"]).token
        assert deleted
        return Subject(
            state=state,
            code=code,
            uuid=image.uuid,
            album_uuid=album.uuid,
            key=link.key,
            upload_uuid=upload_create(owner=self.owner, file_name=f"{code}upload.jpg", byte_size=9).uuid,
            webhook_uuid=webhook.uuid,
            delivery_uuid=WebhookDelivery.objects.filter(webhook=webhook).latest("pk").uuid,
            pk=image.pk,
            caption=Caption.objects.filter(image=image, source=Caption.Source.MODEL).latest("pk").pk,
            written=Caption.objects.filter(image=image, source=Caption.Source.PERSON).latest("pk").pk,
            tag=self.owner.tags.get(name=f"{code}tag").pk,
            link=link.pk,
            member=self.guest.username,
            membership=members[0].pk,
            judgement=self.owner.judgements.get(image=image).pk,
            search=search_save(owner=self.owner, text=f"{code}search", name="").pk,
            token=Token.objects.get(pk=token.pk).pk,
            deleted_album=deleted.pk,
        )

    def _picture(self, state: str) -> Image:
        """All that the worker and its owner know of it."""
        code, number = CODES[state], STATES.index(state)
        color = (40 + 50 * number, 90, 200 - 40 * number)
        file = io.BytesIO()
        PILImage.new("RGB", (640, 480), color).save(file, "JPEG", comment=f"{code}original".encode())
        name = f"{code}file.jpg"
        kinds = {"private": Visibility.PRIVATE, "shared": Visibility.LINK}
        image = services.image_create(
            owner=self.owner,
            file=ContentFile(file.getvalue(), name=name),
            file_name=name,
            visibility=kinds.get(state, Visibility.PUBLIC),
        ).image
        pixels = PILImage.new("RGB", (640, 480), color)
        services.renditions_create(image=image, picture=pixels)
        captions_write(image_ids=[image.pk], pictures=[pixels])
        caption_write_by_person(image_id=image.pk, author=self.owner, text=f"{code}caption, or a ship")
        by_model = Caption.objects.get(image=image, source=Caption.Source.MODEL)
        Caption.objects.filter(pk=by_model.pk).update(text=f"{code}caption of a boat")
        caption_reopen(caption=Caption.objects.get(pk=by_model.pk))
        search_services.embeddings_write(version=self.version, image_ids=[image.pk], pictures=[pixels])
        lines = [TextLine(text=f"{code}text", confidence=0.9, corners=CORNERS)]
        text_record(image_id=image.pk, lines=lines, info=READER)
        Image.objects.filter(pk=image.pk).update(
            title=f"{code}title", notes=f"{code}notes", place=f"{code}place", latitude=LATITUDE[state], longitude=7.5
        )
        failed = {"state": "failed", "error": f"The {code}error says no.", "finished_at": timezone.now()}
        Stage.objects.filter(image=image).update(**failed)
        return Image.objects.get(pk=image.pk)

    def _pair(self) -> None:
        """Each is nearly the same as the next one."""
        for first, second in pairwise(STATES):
            pair = sorted(self.subjects[state].pk for state in (first, second))
            NearDuplicate.objects.create(first_id=pair[0], second_id=pair[1], kind=NearDuplicate.Kind.COPY)
