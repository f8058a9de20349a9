"""A library that somebody has lived in, and every page of the site to look at in it."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.core.files.base import ContentFile
from django.utils import timezone
from PIL import Image as PILImage

from api.tokens import token_create
from api.webhooks import webhook_create, webhook_ping
from bench import installation
from captioning.services import caption_record
from gallery.albums import album_add, album_create
from gallery.favourites import favourites_add
from gallery.invitations import invitation_create
from gallery.links import link_create
from gallery.models import Album, AlbumLink, Image, Stage, User
from gallery.pauses import work_pause
from gallery.services import image_create, image_set_visibility, image_set_words
from gallery.sharing import member_add
from gallery.tags import images_tag
from gallery.trash import images_trash
from gallery.uploads import upload_take_whole
from ml.interfaces import CaptionResult, ModelInfo
from search.golden import judgement_set
from search.models import NearDuplicate
from search.saved import search_save

OTHER = ModelInfo("another", "1", "0123456789ab", "none")  # a model that one picture was described by, too
GUEST = "grace"
NEWCOMER = "newcomer"
LINK_PASSWORD = "teatime"
# Scripts that lead to what one sees only after doing something.
PICK = "for (const box of [...document.querySelectorAll('.pick input')].slice(0, 3)) box.click()"
LOOK_CLOSELY = "document.querySelector('a[data-preview]').click()"
UPLOAD = """
XMLHttpRequest.prototype.send = function () {
  this.upload.dispatchEvent(new ProgressEvent("progress", { loaded: 1_300_000 }));
};
const files = new DataTransfer();
for (const name of ["beach.jpg", "harbour.jpg", "lighthouse.jpg"]) {
  files.items.add(new File([new ArrayBuffer(2_000_000)], name));
}
const input = document.querySelector("[name=pictures]");
input.files = files.files;
input.dispatchEvent(new Event("change"));
document.querySelector("[data-upload-list]").scrollIntoView();
"""
FEWEST = 8  # pictures that it takes


@dataclass(frozen=True)
class Page:
    """A page, by its file's name: its address, whose eyes see it ("" for strangers'), whether its parts are open, and
    a script that leads on from it."""

    name: str
    path: str
    viewer: str = ""
    is_open: bool = False
    script: str = ""


def furnish(*, owner: User) -> list[Page]:
    """Give a superuser with FEWEST captioned pictures whatever people gather in time."""
    images = list(Image.objects.filter(owner=owner).order_by("pk"))
    assert len(images) >= FEWEST
    for image in images:
        image_set_visibility(image=image, visibility="public" if image.pk % 2 else "private")
    guest = User.objects.create_user(GUEST, "grace@example.org", installation.PASSWORD, display_name="Grace")
    User.objects.create_user(NEWCOMER, password=installation.PASSWORD)
    owner.email = "ada@example.org"
    owner.save(update_fields=["email"])
    _mark(owner, images)
    album, links = _share(owner, guest, images)
    _leave_work(owner, images)
    return _pages(owner, images[0], album, links)


def further(*, owner: User) -> list[Page]:
    """What is looked at beside the pages of `furnish`: where scripts lead, and what is Django's own or Swagger's."""
    me = owner.username
    compared = Image.objects.filter(owner=owner, captions__model=OTHER.key).earliest("pk")
    return [
        Page("selection", "/", me, script=PICK),
        Page("lightbox", "/", me, script=LOOK_CLOSELY),
        Page("upload-under-way", "/upload/", me, script=UPLOAD),
        Page("captions-compared", compared.get_absolute_url(), me, is_open=True),
        *(Page(name, path, me) for name, path in _OF_STAFF.items()),
        Page("api", "/api/v1/docs/"),
    ]


def _mark(owner: User, images: Sequence[Image]) -> None:
    ids = [image.pk for image in images]
    images_tag(owner=owner, images=Image.objects.filter(pk__in=ids[:4]), names=["holiday", "by the sea"])
    images_tag(owner=owner, images=Image.objects.filter(pk__in=ids[3:6]), names=["friends"])
    favourites_add(person=owner, images=Image.objects.filter(pk__in=ids[:3]))
    image_set_words(
        image=images[0],
        title="Ready to go",
        notes="The day before the launch.",
        place="Houston, United States",
    )
    said = CaptionResult("a person holds a camera on a tripod", 0.4)
    caption_record(image_id=images[1].pk, result=said, info=OTHER, unsure=False, is_beside=True)
    judgement_set(owner=owner, query="a cat", image=images[2], is_right=True)
    judgement_set(owner=owner, query="a cat", image=images[1], is_right=False)
    search_save(owner=owner, text="tag:holiday", name="Holidays")
    NearDuplicate.objects.get_or_create(
        first=images[2], second=_copied(images[2]), defaults={"kind": NearDuplicate.Kind.COPY}
    )


def _copied(image: Image) -> Image:
    """A smaller copy of a picture, as another program would have saved it."""
    with image.original.open() as opened, PILImage.open(opened) as picture:
        picture.thumbnail((picture.width * 3 // 4, picture.height * 3 // 4))
        buffer = io.BytesIO()
        picture.convert("RGB").save(buffer, "JPEG")
    name = "copy.jpg"
    return image_create(owner=image.owner, file=ContentFile(buffer.getvalue(), name), file_name=name).image


def _share(owner: User, guest: User, images: Sequence[Image]) -> tuple[Album, list[AlbumLink]]:
    album = album_create(owner=owner, title="The best of them")
    album_add(album=album, images=Image.objects.filter(pk__in=[image.pk for image in images[:6]]))
    album_create(owner=owner, title="Still empty")
    member_add(album=album, by=owner, username=guest.username, role="add")
    links = [
        link_create(album=album, by=owner, label="For the family", allows_download=True),
        link_create(album=album, by=owner, label="For the club", password=LINK_PASSWORD),
        link_create(album=album, by=owner, label="For everybody", is_public=True),
    ]
    return album, links


def _leave_work(owner: User, images: Sequence[Image]) -> None:
    images_trash(images=images[6:8], by=owner)
    failed = {"state": "failed", "error": "The picture is larger than the reader takes.", "finished_at": timezone.now()}
    Stage.objects.update_or_create(image=images[5], step="text", defaults=failed)
    work_pause(step="text", person=owner)
    token_create(owner=owner, name="The frame in the hall", scopes=["read"])
    webhook = webhook_create(owner=owner, url="https://example.org/pictures", events=["image.ready"]).webhook
    webhook_ping(webhook=webhook)
    invitation_create(by=owner, expires_at=timezone.now() + timedelta(days=7), email="alan@example.org")
    upload_take_whole(owner=owner, file=ContentFile(b"no picture"), file_name="letter.jpg", visibility="private")


def _pages(owner: User, image: Image, album: Album, links: Sequence[AlbumLink]) -> list[Page]:
    me, album_path = owner.username, f"/albums/{album.uuid}/"
    return [
        *(Page(name, path, me) for name, path in _of_owner(me, album_path).items()),
        Page("image", f"/i/{image.uuid}/", me),
        Page("image-open", f"/i/{image.uuid}/", me, is_open=True),
        Page("album-open", album_path, me, is_open=True),
        Page("tags-open", "/tags/", me, is_open=True),
        Page("album-share-open", f"{album_path}share/", me, is_open=True),
        Page("guest-album", album_path, GUEST),
        *(Page(name, path) for name, path in _of_strangers(image, links).items()),
        *(Page(name, path, NEWCOMER) for name, path in _OF_NEWCOMERS.items()),
    ]


def _of_owner(me: str, album_path: str) -> dict[str, str]:
    return {
        "library": "/",
        "public": "/public/",
        "search": "/search/?q=a+cat&show=12",
        "search-nothing": "/search/?q=tag:nowhere",
        "search-start": "/search/",
        "golden": "/search/golden/",
        "albums": "/albums/",
        "album": album_path,
        "album-arrange": f"{album_path}arrange/",
        "album-share": f"{album_path}share/",
        "tags": "/tags/",
        "duplicates": "/duplicates/",
        "review": "/review/",
        "captions-import": "/captions/import/",
        "describe": "/describe/",
        "upload": "/upload/",
        "trash": "/trash/",
        "trash-empty": "/trash/empty/",
        "jobs": "/jobs/",
        "jobs-everyone": "/jobs/?whose=everyone",
        "account": "/account/",
        "activity": "/account/activity/",
        "password": "/account/password/",
        "account-delete": "/account/delete/",
        "tokens": "/account/tokens/",
        "webhooks": "/account/webhooks/",
        "invitations": "/invitations/",
        "person": f"/people/{me}/",
    }


def _of_strangers(image: Image, links: Sequence[AlbumLink]) -> dict[str, str]:
    return {
        "home": "/",
        "stranger-public": "/public/",
        "sign-in": "/sign-in/",
        "sign-up": "/sign-up/",
        "password-reset": "/password/reset/",
        "password-reset-sent": "/password/reset/sent/",
        "link": f"/s/{links[0].key}/",
        "link-image": f"/s/{links[0].key}/i/{image.uuid}/",
        "link-password": f"/s/{links[1].key}/",
        "not-found": "/nothing-here/",
    }


_OF_NEWCOMERS = {
    "empty-library": "/",
    "empty-albums": "/albums/",
    "empty-tags": "/tags/",
    "empty-trash": "/trash/",
    "empty-jobs": "/jobs/",
    "empty-duplicates": "/duplicates/",
    "empty-review": "/review/",
    "empty-golden": "/search/golden/",
}

_OF_STAFF = {
    "admin": "/admin/",
    "admin-pictures": "/admin/gallery/image/",
    "admin-models": "/admin/search/modelversion/",
    "admin-log": "/admin/gallery/auditentry/",
}
