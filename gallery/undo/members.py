"""With whom an album is shared by name, and the ways back from it. Links that were revoked stay so."""

from contextlib import suppress
from datetime import datetime
from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _

from gallery.models import Album, AlbumMember, User
from gallery.sharing import Departure, RoleChange, member_put_back, member_remove, member_set_role, said_of
from gallery.undo import Change, changed, way_back
from gallery.undo.albums import removal_of, removal_values, said_back


def member_added(member: AlbumMember) -> list[Change]:
    return changed("member-added", member=member.pk, role=member.role)


@way_back("member-added")
def _unshare(person: User, values: dict[str, Any]) -> str:
    member = _member(values)
    with suppress(Http404):  # they may not manage it any more
        if member and member_remove(member=member, by=person, only_as=values["role"]):
            return _("%(name)s doesn’t see the album any more.") % {"name": member.person.shown_name}
    return ""


def role_set(member: AlbumMember, change: RoleChange | None, *, after: str) -> list[Change]:
    if change is None:
        return []
    return changed("member-role", member=member.pk, before=change.before, after=after, links=change.links)


@way_back("member-role")
def _role_as_before(person: User, values: dict[str, Any]) -> str:
    member, role = _member(values), values["before"]
    with suppress(Http404):  # they may not manage it any more
        if member and member_set_role(member=member, by=person, role=role, only_as=values["after"]):
            return f"{said_of(member.person, role)} {_of_links(values)}".strip()
    return ""


def member_removed(album: Album, departure: Departure | None) -> list[Change]:
    if departure is None:
        return []
    return changed(
        "member-removed",
        member=departure.member_id,
        person=departure.person_id,
        role=departure.role,
        since=departure.since.isoformat(),
        **removal_values(departure.removal),
        links=departure.links,
        album=album.pk,
    )


@way_back("member-removed")
def _share_again(person: User, values: dict[str, Any]) -> str:
    album = Album.objects.listed_for(person).filter(pk=values["album"]).first()
    since, removal = datetime.fromisoformat(values["since"]), removal_of(values)
    departure = Departure(values["member"], values["person"], values["role"], since, removal, values["links"])
    with suppress(Http404):  # they may not manage it any more
        if album and (back := member_put_back(album=album, departure=departure, by=person)):
            again, pictures = back
            said = _("%(name)s sees the album again.") % {"name": again.shown_name}
            return " ".join(filter(None, [said, said_back(album, len(pictures)), _of_links(values)]))
    return ""


def _of_links(values: dict[str, Any]) -> str:
    return _("Links that they had made stay revoked.") if values["links"] else ""


def _member(values: dict[str, Any]) -> AlbumMember | None:
    return AlbumMember.objects.select_related("album", "person").filter(pk=values["member"]).first()
