"""The library of `bench.pages`: pictures of two people, with all that people gather in time, each in proportion to the
number of pictures; and the pages to look at in it.

Whatever stands still while a library grows would hide what grows with it: an album, a tag, what is public and what
lies in the trash each hold a share of the pictures.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from bench import installation, vectors
from bench.pages_site import Page, once_each
from bench.search_library import KINDS, Library

if TYPE_CHECKING:
    from gallery.models import Image, User

GUEST = "grace"
ALBUMS = 20  # each of another twentieth of the pictures
TAGS = 20  # likewise
# One picture of so many is…
GUESTS = 10
PUBLIC = 4
BY_PERSON = 20  # described by a person
TITLED = 50
WITH_TEXT = 25
TRASHED = 200
FAILED = 250
DOUBLE = 100  # nearly the same as another one
SAID = 200  # captions whose vectors those of all others lie near
QUERIES = 60
LIKED = 500  # pictures that searches ask for the like of


class Dress:
    """Dresses the copies that fill the library, and gives some to the guest."""

    def __init__(self) -> None:
        self._library = Library()
        self._guest: User | None = None

    def __call__(self, image: "Image", number: int) -> None:
        from gallery.models import User, Visibility

        if self._guest is None:
            self._guest = User.objects.create_user(GUEST, password=installation.PASSWORD)
        self._library.dress(image, number)
        if number % GUESTS == GUESTS - 1:
            image.owner = self._guest
        if number % PUBLIC == 1:
            image.visibility = Visibility.PUBLIC
        image.description_by_person = number % BY_PERSON == 0
        if number % TITLED == 0:
            image.title = f"{image.description.split()[2].title()} in the evening"
        if number % WITH_TEXT == 0:
            image.text_in_picture = f"Beach road {number % 100}\nOpen daily"
        if number % TRASHED == 3:
            image.trashed_at = image.uploaded_at
        if image.owner_id != self._guest.pk:
            image.tag_words = f"tag {number % TAGS}"


def furnish() -> None:
    """Puts the pictures in albums and under tags, and all that goes with them. Once."""
    from django.db import connection, transaction

    from gallery.counted import recount
    from gallery.models import Album, Image, Tag, User

    owner, guest = (User.objects.get(username=name) for name in (installation.ADMIN, GUEST))
    keys = list(Image.with_trash.filter(owner=owner).order_by("pk").values_list("pk", flat=True))
    theirs = list(Image.with_trash.filter(owner=guest).order_by("pk").values_list("pk", flat=True))
    with transaction.atomic():
        _tag(owner)
        _fill_albums(owner, guest, keys)
        _fill_albums(guest, owner, theirs, number=1)
        for kind in (Album, Tag):
            recount(kind, kind._default_manager.values_list("pk", flat=True))
        _say()
        _leave_work(keys)
        _find_doubles(keys)
        _embed_captions()
    if connection.vendor == "postgresql":  # what the server does by itself a minute later
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def _tag(owner: "User") -> None:
    from gallery.models import Image, ImageTag, Tag

    tags = {f"tag {number}": Tag(owner=owner, name=f"tag {number}", key=f"tag {number}") for number in range(TAGS)}
    Tag.objects.bulk_create(tags.values())
    tagged = Image.with_trash.filter(owner=owner).exclude(tag_words="").values_list("pk", "tag_words")
    ImageTag.objects.bulk_create(
        [ImageTag(image_id=pk, tag=tags[words]) for pk, words in tagged.iterator()], batch_size=2_000
    )


def _fill_albums(owner: "User", other: "User", keys: list[int], number: int = ALBUMS) -> None:
    """Albums of the owner's; the first is shared with the other one and, by a link, with everybody."""
    from gallery.albums import album_create
    from gallery.links import link_create
    from gallery.models import AlbumImage
    from gallery.sharing import member_add

    albums = [album_create(owner=owner, title=f"Album {each}") for each in range(number)]
    AlbumImage.objects.bulk_create(
        [
            AlbumImage(album=album, image_id=pk, owner=owner, position=position)
            for place, album in enumerate(albums)
            for position, pk in enumerate(keys[place::ALBUMS], start=1)
        ],
        batch_size=2_000,
    )
    member_add(album=albums[0], by=owner, username=other.username, role="view")
    link_create(album=albums[0], by=owner, label="For the family")


def _say() -> None:
    from captioning.models import Caption
    from gallery.models import Image

    said = Image.with_trash.described_by_person().values("pk")
    Caption.objects.filter(image__in=said).update(source=Caption.Source.PERSON, model="")


def _leave_work(keys: list[int]) -> None:
    from django.utils import timezone

    from gallery.models import Stage

    for key in keys[::FAILED]:
        Stage.objects.filter(image=key, step="caption").update(
            state=Stage.State.FAILED, error="The picture is larger than the reader takes.", finished_at=timezone.now()
        )


def _find_doubles(keys: list[int]) -> None:
    from search.models import NearDuplicate

    pairs = [(keys[at], keys[at + 1]) for at in range(0, len(keys) - 1, DOUBLE)]
    NearDuplicate.objects.bulk_create(
        [NearDuplicate(first_id=first, second_id=second, kind=NearDuplicate.Kind.COPY) for first, second in pairs],
        batch_size=2_000,
    )


def _embed_captions() -> None:
    """What people said, near to the vectors of some of it: encoding all would take as long as the rest together."""
    import ml
    from gallery.chunks import in_chunks
    from gallery.models import Image
    from search.models import ModelVersion
    from search.services import CHUNK, EmbeddedCaption, captions_record
    from search.vectors import pack

    version = ModelVersion.objects.get(state=ModelVersion.State.ACTIVE)
    said = list(Image.objects.described_by_person().order_by("pk").values_list("pk", "description"))
    words = dict(said)
    clusters = vectors.Clusters(ml.load_encoder().encode_texts([text for _, text in said[:SAID]]))
    for chunk in in_chunks([pk for pk, _ in said], CHUNK):
        packed = [pack(vector, dimension=version.dimension) for vector in clusters.more(len(chunk))]
        captions = {pk: EmbeddedCaption(words[pk], each) for pk, each in zip(chunk, packed, strict=True)}
        captions_record(version=version, captions=captions)


def pages() -> list[Page]:
    """What is looked at, of the library's owner where nothing else is said. Searches ask for something else each time,
    and pages of one picture or album show another one."""
    me, nobody = installation.ADMIN, ""
    return [
        *(Page(name, me, addresses) for name, addresses in _grids().items()),
        *(Page(name, me, addresses) for name, addresses in _searches().items()),
        *(Page(name, me, addresses) for name, addresses in _others().items()),
        *(Page(f"API: {name}", me, addresses) for name, addresses in _api().items()),
        *(Page(f"{name}, of a guest", GUEST, addresses) for name, addresses in _of_all().items()),
        *(Page(f"{name}, of a stranger", nobody, addresses) for name, addresses in _of_all().items()),
        Page("album by link", nobody, once_each(_link())),
    ]


def _grids() -> dict[str, Iterator[str]]:
    from gallery.models import Album, Image, User
    from gallery.selectors import images_page

    owner = User.objects.get(username=installation.ADMIN)
    own = Image.objects.filter(owner=owner)
    half = images_page(images=own, cursor=None, size=own.count() // 2).next_cursor
    albums = Album.objects.filter(owner=owner).order_by("pk")
    return {
        "library": once_each("/"),
        "library, from a month on": once_each(*(f"/?at={year}-05" for year in range(2014, 2024))),
        "library, after half of it": once_each(f"/?after={half}"),
        "picture": once_each(*(image.get_absolute_url() for image in own.order_by("?")[:QUERIES])),
        "album": once_each(*(album.get_absolute_url() for album in albums)),
    }


def _searches() -> dict[str, Iterator[str]]:
    from django.urls import reverse

    found = {f"search: {kind}": _asked("/search/", _queries(kind)) for kind in KINDS}
    return found | {
        "search: a frequent camera": _asked("/search/", ["camera:canon", "camera:apple", "camera:nikon"]),
        "search: a rare camera": _asked("/search/", ["camera:leica", "camera:hasselblad", "camera:polaroid"]),
        "search: a tag": _asked("/search/", [f"tag:{number}" for number in ('"tag 1"', '"tag 2"', '"tag 3"')]),
        "suggestions: a word": _asked(reverse("search-suggest"), ["be", "wom", "stand"]),
        "suggestions: a tag": _asked(reverse("search-suggest"), ["tag:", "tag:t"]),
        "suggestions: a camera": _asked(reverse("search-suggest"), ["camera:", "camera:c"]),
    }


def _others() -> dict[str, Iterator[str]]:
    names = {
        "public pictures": "/public/",
        "albums": "/albums/",
        "tags": "/tags/",
        "duplicates": "/duplicates/",
        "review": "/review/",
        "trash": "/trash/",
        "work": "/jobs/",
        "account": "/account/",
    }
    return {name: once_each(address) for name, address in names.items()}


def _api() -> dict[str, Iterator[str]]:
    from gallery.models import Album

    album = Album.objects.filter(owner__username=installation.ADMIN).earliest("pk")
    root = "/api/v1"
    return {
        "pictures": once_each(f"{root}/images/"),
        "pictures, before a day": once_each(f"{root}/images/?taken_before=2016-05-03T00:00:00Z"),
        "pictures with a tag": once_each(*(f"{root}/images/?tag=tag+{number}" for number in range(TAGS))),
        "pictures that failed": once_each(f"{root}/images/?state=failed"),
        "pictures of a rare camera": once_each(f"{root}/images/?camera=leica"),
        "album": once_each(f"{root}/albums/{album.uuid}/images/"),
        "albums": once_each(f"{root}/albums/"),
        "tags": once_each(f"{root}/tags/"),
        "search: words": _asked(f"{root}/search/", _queries("words")),
        "search: filters alone": _asked(f"{root}/search/", _queries("filters alone")),
    }


def _of_all() -> dict[str, Iterator[str]]:
    from gallery.models import Image, Visibility

    shown = Image.objects.filter(visibility=Visibility.PUBLIC).order_by("?")[:QUERIES]
    return {
        "first page": once_each("/"),
        "picture": once_each(*(image.get_absolute_url() for image in shown)),
        "search: words": _asked("/search/", _queries("words")),
        "search: filters alone": _asked("/search/", _queries("filters alone")),
        "API: pictures": once_each("/api/v1/images/"),
    }


def _link() -> str:
    from gallery.models import AlbumLink

    return f"/s/{AlbumLink.objects.earliest('pk').key}/"


def _queries(kind: str) -> list[str]:
    """The same whenever, but for the pictures that some ask to look like."""
    from gallery.models import Image

    uuids = [str(uuid) for uuid in Image.objects.order_by("pk").values_list("uuid", flat=True)[:LIKED]]
    return Library().queries(kind, QUERIES, uuids)


def _asked(address: str, queries: list[str]) -> Iterator[str]:
    return once_each(*(f"{address}?{urlencode({'q': text})}" for text in queries))
