"""A site with several of everything, which can be given as much again."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from django.contrib.sessions.backends.db import SessionStore
from django.core.files.base import ContentFile
from django.utils import timezone
from PIL import Image as PILImage

from api.models import IdempotencyKey, Token
from api.tokens import token_create
from api.webhooks import webhook_create, webhook_ping
from captioning.models import Caption, CaptionerVersion
from captioning.services import captions_write
from gallery import audit, services
from gallery.albums import album_add, album_create, album_set_cover
from gallery.favourites import favourites_add
from gallery.invitations import invitation_create
from gallery.links import link_create
from gallery.models import AlbumMember, Image, Pause, PersonSession, Stage, User
from gallery.tags import images_tag
from gallery.trash import images_trash
from gallery.uploads import upload_create, upload_take_whole
from ml.interfaces import ModelInfo, TextLine
from reading.services import text_record
from search import services as search_services
from search.golden import judgement_set
from search.models import CaptionEmbedding, IndexCursor, ModelVersion, NearDuplicate
from search.saved import search_save
from search.versions import model_version_ensure

MakeImage = Callable[..., Image]
READER = ModelInfo(name="reader", revision="1", weights_hash="0" * 64, preprocessing="none")
LINE = TextLine(text="OPEN", confidence=0.9, corners=((0.1, 0.1), (0.9, 0.1), (0.9, 0.3), (0.1, 0.3)))
AT_ONCE = 3


class Town:
    """`ada` runs the place; she and `grace` share albums with each other. `image`, `album` and so on are what addresses
    are about; whatever belongs to one of these grows, too."""

    def __init__(self, make_image: MakeImage, ada: User, grace: User) -> None:
        User.objects.filter(pk=ada.pk).update(is_staff=True, is_superuser=True)
        self.ada, self.grace = User.objects.get(pk=ada.pk), grace
        self.make_image, self.numbers = make_image, count()
        self.version = model_version_ensure()
        self.secret = token_create(owner=self.ada, name="all", scopes=Token.Scope.values).secret
        self.image = self.picture(self.ada, visibility="public")
        self.album = album_create(owner=self.ada, title="Iceland")
        self.link = link_create(album=self.album, by=self.ada, allows_download=True)
        self.webhook = webhook_create(owner=self.ada, url="https://example.com/0", events=["image.ready"]).webhook
        self.invitation = invitation_create(by=self.ada, expires_at=timezone.now() + timedelta(days=7))
        self.upload = upload_create(owner=self.ada, file_name="boat.jpg", byte_size=9)
        self.grow()

    def grow(self) -> None:
        for _ in range(AT_ONCE):
            number = next(self.numbers)
            person = User.objects.create_user(f"person-{number}")
            own = [self.picture(self.ada, visibility=kind) for kind in ("private", "link", "public")]
            theirs = [self.picture(self.grace, visibility=kind) for kind in ("private", "link", "public")]
            self._mark(number, own, theirs)
            self._share(number, person, own, theirs)
            self._describe(number, person, own[0])
            self._work(number, own)
            self._keep(number, person)

    def picture(self, owner: User, *, visibility: str) -> Image:
        number = next(self.numbers)
        color = (37 * number % 256, 91 * number % 256, number % 256)
        image = self.make_image(color, owner=owner, visibility=visibility, name=f"boat-{number}.jpg")
        pixels = PILImage.new("RGB", (64, 48), color)
        services.renditions_create(image=image, picture=pixels)
        captions_write(image_ids=[image.pk], pictures=[pixels])
        search_services.embeddings_write(version=self.version, image_ids=[image.pk], pictures=[pixels])
        text_record(image_id=image.pk, lines=[LINE], info=READER)
        Image.objects.filter(pk=image.pk).update(
            camera_make="Leica", camera_model=f"M{number}", place=f"Port {number}", latitude=64.1, longitude=-21.9
        )
        return Image.objects.get(pk=image.pk)

    def _mark(self, number: int, own: list[Image], theirs: list[Image]) -> None:
        every = Image.objects.filter(pk__in=[self.image.pk, *(image.pk for image in own)])
        images_tag(owner=self.ada, images=every, names=["boat", f"sea {number}"])
        for person in (self.ada, self.grace):
            favourites_add(person=person, images=Image.objects.filter(pk__in=[image.pk for image in [*own, *theirs]]))
        for text in ("red", f"red {number}"):
            judgement_set(owner=self.ada, query=text, image=own[0], is_right=True)
        search_save(owner=self.ada, text=f"sea {number}", name=f"Sea {number}")
        NearDuplicate.objects.create(first=own[0], second=own[1], kind=NearDuplicate.Kind.COPY)
        NearDuplicate.objects.create(first=own[1], second=own[2], kind=NearDuplicate.Kind.values[-1])

    def _share(self, number: int, person: User, own: list[Image], theirs: list[Image]) -> None:
        images = Image.objects.filter(pk__in=[self.image.pk, *(image.pk for image in own)])
        albums = [self.album, album_create(owner=self.ada, title=f"Norway {number}")]
        for album in albums:
            album_add(album=album, images=images)
            for each in (person, self.grace):
                AlbumMember.objects.get_or_create(album=album, person=each, defaults={"role": "manage"})
            link_create(album=album, by=self.ada, label=f"Aunt {number}")
            link_create(album=album, by=self.ada, is_public=True)
        album_set_cover(album=albums[1], image=own[2])
        album_add(album=self.album, images=Image.objects.filter(pk=theirs[0].pk), by=self.grace)
        hers = album_create(owner=self.grace, title=f"Sweden {number}")
        album_add(album=hers, images=Image.objects.filter(pk__in=[image.pk for image in theirs]))
        AlbumMember.objects.create(album=hers, person=self.ada, role="add")

    def _describe(self, number: int, person: User, image: Image) -> None:
        for each in (self.image, image):
            Caption.objects.create(
                image=each, text=f"a boat {number}", model=f"old@{number}", is_current=False, reviewed_by=person
            )
        Caption.objects.create(
            image=self.image, text="my boat", source=Caption.Source.PERSON, author=person, is_current=False
        )
        CaptionerVersion.objects.create(name=f"old {number}", key=f"old@{number}")
        version = ModelVersion.objects.create(
            key=f"old-{number}", name="old", revision="1", weights_hash="0", dimension=64, state="retired"
        )
        IndexCursor.objects.create(model_version=version, location="a server")
        CaptionEmbedding.objects.create(
            model_version=version, image=image, text="a boat", vector=bytes(128), seq=number + 1
        )

    def _work(self, number: int, own: list[Image]) -> None:
        failed = {"state": "failed", "error": f"No room, {number}", "finished_at": timezone.now()}
        Stage.objects.filter(image=own[0]).update(**failed)
        Stage.objects.filter(image__in=own[1:]).update(state="done", finished_at=timezone.now())
        Stage.objects.create(image=self.image, step=f"step {number}", model=str(number))
        Pause.objects.create(step=f"step {number}", paused_by=self.ada)
        images_trash(images=[self.picture(self.ada, visibility="private")], by=self.ada)
        upload_create(owner=self.ada, file_name=f"{number}.jpg", byte_size=9)
        upload_take_whole(
            owner=self.ada, file=ContentFile(b"none"), file_name=f"letter-{number}.jpg", visibility="private"
        )

    def _keep(self, number: int, person: User) -> None:
        token_create(owner=self.ada, name=f"frame {number}", scopes=["read"])
        IdempotencyKey.objects.create(owner=self.ada, key=str(number), fingerprint="0" * 64)
        webhook = webhook_create(owner=self.ada, url=f"https://example.com/{number + 1}", events=["image.ready"])
        for each in (webhook.webhook, self.webhook):
            webhook_ping(webhook=each)
        used = {"used_by": person, "used_at": timezone.now()}
        for more in ({}, used):
            made = invitation_create(by=self.ada, expires_at=timezone.now() + timedelta(days=7))
            type(made).objects.filter(pk=made.pk).update(**more or {"email": "sun@example.org"})
        session = SessionStore()
        session.save()
        assert session.session_key
        PersonSession.objects.create(user=self.ada, session_key=session.session_key, user_agent="Firefox")
        audit.record(self.ada, "album.share", f"Iceland {number}", number=number)

    def parts(self, name: str, wanted: Iterable[str]) -> dict[str, Any]:
        """What stands in the address called so, as far as wanted."""
        of = {"album": self.album, "members": self.album, "links": self.album, "webhook": self.webhook}
        kinds: dict[str, Any] = {**of, "upload": self.upload, "": self.image}
        about = next(each for kind, each in kinds.items() if name.startswith(kind))
        known = {
            "uuid": about.uuid,
            "key": self.invitation.key if name.startswith("sign-up") else self.link.key,
            "kind": "thumbnail",
            "size": "small",
            "username": self.grace.username,
            "uidb64": "MQ",
            "token": "no-token",
            "name": "nothing",
            "pk": 1,
            "delivery": uuid4(),
        }
        return {part: known[part] for part in wanted}

    def words(self) -> dict[str, Any]:
        """What may stand in queries; `word` is another one each time."""
        every = Image.objects.filter(owner=self.ada).order_by("pk").values_list("uuid", flat=True)
        return {
            "word": f"boat+red-{next(self.numbers)}",
            "image": self.image.uuid,
            "images": "&".join(f"image={uuid}" for uuid in every),
            "album": self.album.uuid,
            "caption": Caption.objects.to_review().filter(image__owner=self.ada).latest("pk").pk,
            "month": f"{timezone.localdate():%Y-%m}",
            "past": "1.0",
            "future": "9000000000000000.0",
        }
