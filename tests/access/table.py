"""Who may ask for what. An address that names no picture gives lists, in which there is nothing that one may not see.

See docs/access.md, which says the same in words.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile
from PIL import Image as PILImage

from tests.access.pictures import Subject
from tests.access.world import lists, reaches

May = Callable[[str, str], bool]
HERE = ("private", "shared", "public")


def anybody(kind: str, state: str) -> bool:
    return True


def nobody(kind: str, state: str) -> bool:
    return False


def signed_in(kind: str, state: str) -> bool:
    return kind not in ("anonymous", "deactivated")


def owner(kind: str, state: str) -> bool:
    """Of what belongs to a person and not to a picture."""
    return kind == "owner"


def own(kind: str, state: str) -> bool:
    """Who may change the picture."""
    return kind == "owner" and state in HERE


def trash(kind: str, state: str) -> bool:
    return kind == "owner" and state == "trashed"


def kept(kind: str, state: str) -> bool:
    return kind == "owner" and state != "purged"


def thumbnail(kind: str, state: str) -> bool:
    """The trash shows its pictures, too."""
    return reaches(kind, state) or trash(kind, state)


def reach(kind: str, state: str) -> bool:
    """Whoever has signed in and may see it at its address."""
    return signed_in(kind, state) and reaches(kind, state)


def listed(kind: str, state: str) -> bool:
    return signed_in(kind, state) and lists(kind, state)


def album(kind: str, state: str) -> bool:
    """Who sees the album, whatever became of the picture in it."""
    return kind in ("owner", "guest")


def member(kind: str, state: str) -> bool:
    return kind == "guest"


def in_seen_album(kind: str, state: str) -> bool:
    return album(kind, state) and state in HERE


def in_album(kind: str, state: str) -> bool:
    """Who may do something with the picture in the album."""
    return kind == "owner" and state in HERE


def by_link(kind: str, state: str) -> bool:
    """Whoever has the key of a link to its album."""
    return state in HERE


@dataclass(frozen=True)
class Ask:
    """One way to ask for something. `route` is the name of an address; `query` and `sent` name the picture there where
    the address doesn't: `sent` makes what a form or body says, `query` is filled in with what there is of a Subject.
    """

    route: str
    method: str
    may: May
    sent: Callable[[Subject], dict[str, Any]] | None = None
    query: str = ""
    is_script: bool = False
    also: int = 0  # a status with which those who may are sent away, for another reason

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.route} {self.query}".strip()


def _sent(**said: str) -> Callable[[Subject], dict[str, Any]]:
    """A form, in which `{uuid}` and so on stand for what there is of the picture."""
    return lambda subject: {name: _filled(text, subject) for name, text in said.items()}


def _filled(text: str, subject: Subject) -> Any:
    return getattr(subject, text[1:-1]) if text.startswith("{") else text


def _png() -> Any:
    file = io.BytesIO()
    PILImage.new("RGB", (64, 48), "teal").save(file, "PNG")
    return ContentFile(file.getvalue(), name="teal.png")


def _table(subject: Subject) -> dict[str, Any]:
    rows = f"uuid,file_name,caption\n{subject.uuid},,mine\n,{subject.word('file')}.jpg,mine\n"
    return {"table": ContentFile(rows.encode(), name="captions.csv")}


_IMAGES = {"images": "{uuid}"}

# Of one picture, at its address or named in a form.
PICTURES = [
    Ask("image", "get", reaches),
    Ask("image-state", "get", reaches),
    Ask("image-states", "get", reaches, query="image={uuid}"),
    Ask("rendition", "get", thumbnail),
    Ask("rendition", "get", nobody, query="signature=guess"),
    Ask("original", "get", nobody, query="signature=guess"),
    Ask("download", "get", reaches),
    Ask("original", "get", own),
    Ask("heat", "get", reach, query="q=red"),
    Ask("looks", "get", reach),
    Ask("image-retry", "post", own),
    Ask("image-visibility", "post", own, _sent(visibility="link")),
    Ask("image-tags", "post", own, _sent(add="beach")),
    Ask("image-albums", "post", own, _sent(album="{album_uuid}")),
    Ask("image-words", "post", own, _sent(title="Evening")),
    Ask("image-delete", "post", own),
    Ask("image-favourite", "post", reach, _sent(heart="on")),
    Ask("caption-edit", "post", own, _sent(text="my boat", before="{current}")),
    Ask("caption-choose", "post", own, _sent(caption="{caption}", before="{current}")),
    Ask("caption-again", "post", own, _sent(by="fake")),
    *(
        Ask("selection", "post", may, _sent(image="{uuid}", do=do, **more), is_script=True)
        for do, may, more in (
            ("tag", own, {"tags": "beach"}),
            ("untag", own, {"tags": "{tag_name}"}),
            ("album", own, {"title": "Iceland"}),
            ("visibility", own, {"visibility": "link"}),
            ("delete", own, {}),
            ("favourite", reach, {}),
            ("unfavourite", reach, {}),
        )
    ),
    Ask("selection", "post", reach, _sent(image="{uuid}", do="favourite")),
    # whoever may see it, but not delete it, is shown what they selected
    Ask("selection", "post", reach, _sent(image="{uuid}", do="delete"), also=400),
    Ask("selection-archive", "post", reach, _sent(image="{uuid}", captions="on")),
    *(
        Ask("trash-selection", "post", trash, _sent(image="{uuid}", do=do), is_script=is_script)
        for do, is_script in (("restore", True), ("restore", False), ("purge", False))
    ),
    Ask("duplicates-keep", "post", own, _sent(group="{uuid}")),
    Ask("duplicates-delete", "post", own, _sent(group="{uuid}", image="{uuid}")),
    Ask("judge", "post", listed, _sent(q="boat", right="{uuid}")),
    Ask("review", "get", own, query="at={caption}"),
    Ask("review", "get", own, query="after={caption}"),
    Ask("review-judge", "post", own, _sent(caption="{caption}", do="reject", before="{current}")),
    Ask("captions-import", "post", own, _table),
    Ask("search", "get", lists, query="q={code}title"),
    Ask("search", "get", lists, query="q={code}caption"),
    Ask("search", "get", lists, query="q=%22{code}text%22"),
    Ask("search", "get", lists, query="q=tag:{code}tag"),
    Ask("search", "get", lists, query="q={code}file"),
    Ask("search", "get", own, query="q=place:{code}place"),
    Ask("search", "get", reaches, query="q=~:{uuid}"),
    Ask("search", "get", reach, query="of={uuid}"),
    Ask("search-suggest", "get", lists, query="q={code}"),
    Ask("search-suggest", "get", lists, query="q=tag:{code}"),
    Ask("search-suggest", "get", album, query="q=album:{code}"),
    Ask("search-suggest", "get", own, query="q=place:{code}"),
]
# Of an album.
ALBUMS = [
    Ask("selection", "post", in_album, _sent(image="{uuid}", do="out", within="{album_uuid}"), is_script=True),
    Ask("album", "get", album),
    Ask("album-archive", "get", album),
    Ask("album-arrange", "get", owner),
    Ask("album-arrange", "post", in_album, _sent(image="{uuid}", do="cover"), is_script=True),
    Ask("album-share", "get", owner),
    Ask("album-share", "post", owner, _sent(username="other", role="view")),
    Ask("album-member", "post", owner, _sent(member="{membership}", role="add")),
    Ask("album-links", "post", owner, _sent(label="Aunt")),
    Ask("album-links", "post", owner, _sent(revoke="{link}")),
    Ask("album-links", "post", owner, _sent(change="{link}", label="Aunt")),
    Ask("album-rename", "post", owner, _sent(title="Iceland")),
    Ask("album-delete", "post", owner),
    Ask("album-leave", "get", member),
    Ask("album-leave", "post", member),
    Ask("api:album", "get", album),
    Ask("api:album", "patch", owner, _sent(title="Iceland")),
    Ask("api:album", "patch", in_album, _sent(cover="{uuid}")),
    Ask("api:album", "delete", owner),
    Ask("api:album-images", "get", album),
    Ask("api:album-images", "post", owner, lambda subject: {"images": [str(subject.uuid)]}),
    Ask("api:album-remove", "post", owner, lambda subject: {"images": [str(subject.uuid)]}),
    Ask("api:album-move", "post", in_album, _sent(image="{uuid}", place_of="{uuid}")),
    Ask("api:members", "get", owner),
    Ask("api:members", "post", owner, _sent(username="other", role="view")),
    Ask("api:member", "patch", owner, _sent(role="add")),
    Ask("api:member", "delete", owner),
    Ask("api:links", "get", owner),
    Ask("api:links", "post", owner),
    Ask("api:link", "patch", owner, _sent(label="Aunt")),
    Ask("api:link", "delete", owner),
    Ask("search", "get", in_seen_album, query="q=album:{code}album"),
    Ask("api:search", "post", in_seen_album, lambda subject: _filter("album", f"{subject.code}album")),
    Ask("api:images", "get", in_seen_album, query="album={album_uuid}"),
]
# By a link to an album: see test_links_end.py for those that hold no longer.
LINKS = [
    Ask("link", "get", anybody),
    Ask("link", "post", anybody, _sent(password="guess")),
    Ask("link-image", "get", by_link),
    Ask("link-rendition", "get", by_link),
    Ask("link-original", "get", by_link),
    Ask("link-archive", "get", anybody),
]
# Of what else is somebody's own.
OWN = [
    Ask("album-restore", "post", owner, _sent(album="{deleted_album}")),
    Ask("tag-rename", "post", owner, _sent(tag="{tag_name}", name="beach")),
    Ask("tag-delete", "post", owner, _sent(tag="{tag_name}")),
    Ask("upload-in-pieces", "get", owner),
    Ask("upload-in-pieces", "head", owner),
    Ask("upload-in-pieces", "delete", owner),
    Ask("search-unsave", "post", owner, _sent(search="{search}")),
    Ask("token-revoke", "post", owner, _sent(token="{token}")),
    *(
        Ask("webhook-change", "post", owner, _sent(webhook="{webhook_uuid}", do=do, delivery="{delivery_uuid}"))
        for do in ("pause", "ping", "again", "delete")
    ),
]
API = [
    Ask("api:image", "get", reaches),
    Ask("api:image", "patch", own, _sent(title="Evening")),
    Ask("api:image", "delete", own),
    Ask("api:image", "delete", trash, query="permanent=true"),
    Ask("api:image-address", "post", reach, lambda _: {"kind": "thumbnail"}),
    Ask("api:image-address", "post", own, lambda _: {"kind": "original"}),
    Ask("api:favourite", "put", reach),
    Ask("api:favourite", "delete", reach),
    Ask("api:original", "get", own),
    Ask("api:image-address", "post", reach, _sent(kind="thumbnail")),
    Ask("api:image-address", "post", own, _sent(kind="original")),
    Ask("api:renditions", "get", reaches),
    Ask("api:rendition", "get", thumbnail),
    Ask("api:restore", "post", kept),
    Ask("api:retry", "post", own),
    Ask("api:image-tags", "get", reaches),
    Ask("api:image-tags", "post", own, lambda _: {"add": ["sea"]}),
    Ask("api:work", "get", reaches),
    Ask("api:heat", "get", reach, query="q=red"),
    Ask("api:captions", "get", own),
    Ask("api:captions", "post", own, _sent(text="my boat")),
    Ask("api:caption-judge", "post", own, _sent(do="approve")),
    Ask("api:caption-regenerate", "post", own),
    Ask("api:captions-import", "post", own, _table),
    Ask("api:images", "get", lists, query="tag={code}tag"),
    Ask("api:tag", "get", own),
    Ask("api:tag", "patch", own, _sent(name="sea")),
    Ask("api:tag", "delete", own),
    Ask("api:tag-merge", "post", own, lambda subject: {"into": subject.tag}, also=409),
    Ask("api:upload", "get", owner),
    Ask("api:upload", "patch", owner, also=415),
    Ask("api:upload", "delete", owner),
    Ask("api:search", "get", lists, query="q={code}title&explain=true"),
    Ask("api:search", "get", lists, query="q=%2B{code}caption"),
    Ask("api:search", "get", reaches, query="q=~:{uuid}"),
    Ask("api:search", "post", reach, lambda subject: {"like": [{"uuid": str(subject.uuid)}]}),
    Ask("api:search-picture", "post", listed, lambda subject: {"picture": _png(), "q": f"{subject.code}title"}),
    Ask("api:search-suggestions", "get", lists, query="q={code}"),
    Ask(
        "api:judgements",
        "post",
        listed,
        lambda subject: {"query": "boat", "image": str(subject.uuid), "is_right": True},
    ),
    Ask("api:judgement", "delete", kept),
    Ask("api:saved-search", "delete", owner),
    Ask("api:token", "delete", owner, also=403),
    Ask("api:webhook", "get", owner),
    Ask("api:webhook", "patch", owner, lambda _: {"is_active": False}),
    Ask("api:webhook", "delete", owner),
    Ask("api:webhook-ping", "post", owner),
    Ask("api:webhook-deliveries", "get", owner),
    Ask("api:webhook-redeliver", "post", owner),
]


def _judgement(uuid: UUID) -> dict[str, Any]:
    return {"query": "boat", "image": str(uuid), "is_right": True}


def _filter(field: str, value: str) -> dict[str, Any]:
    return {"filters": [{"field": field, "value": value}]}


ASKED = [*PICTURES, *ALBUMS, *LINKS, *OWN, *API]
