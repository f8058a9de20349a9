"""With whom an album is shared. See gallery.links for those who have no account.

A picture is in another person's album as long as its owner is a member of it: who leaves takes theirs along.

Who may share is asked under the album's lock, by which all of this waits for each other: somebody who has just been
removed shares nothing any more. Where they may not, Http404 is raised.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from gallery import audit
from gallery.albums import Removal, album_put_back, album_remove
from gallery.exceptions import NotShared, TriedTooOften
from gallery.models import Album, AlbumImage, AlbumLink, AlbumMember, AuditEntry, Favourite, Image, User, Visibility
from gallery.permissions import MANAGE, VIEW, album_hold
from gallery.tries import Bound, tries_give_back, tries_take

# User names that nobody has which one person may try within so many seconds.
MOST_NAMES, NAMES_SECONDS = 30, 60 * 60


@dataclass(frozen=True)
class Departure:
    """What somebody was to an album, and what left it with them: their pictures, and so many links, for good."""

    member_id: int
    person_id: int
    role: str
    since: datetime
    removal: Removal
    links: int


@dataclass(frozen=True)
class RoleChange:
    """What a member might do before, and how many links it cost them, for good."""

    before: str
    links: int


def listed_beside_own(viewer: User) -> "QuerySet[AlbumImage, tuple[int]]":
    """The ids of other people's pictures, public or not, that are listed for the viewer by name: in albums shared with
    them, and favourites that are shared by link. Some may be there twice, and some of the viewer's own or in the trash
    among them: what is to be seen, Image.objects.listed_for decides."""
    hearts = Favourite.objects.filter(person_id=viewer.pk, image__visibility=Visibility.LINK)
    return AlbumImage.objects.of_others(viewer, hearts.values_list("image_id"))


def members_of(album: Album) -> "QuerySet[AlbumMember]":
    """The members of an album, with the people, by their names."""
    return album.members.select_related("person").order_by("person__username")


def said_of(person: User, role: str) -> str:
    """What somebody may do in an album, in a sentence."""
    label = str(AlbumMember.Role(role).label)
    return f"{person.shown_name}: {label[0].lower()}{label[1:]}."


def member_add(*, album: Album, by: User, username: str, role: str) -> AlbumMember:
    """Shares an album with the person who has this user name.

    Raises NotShared where nobody has, or who sees it already, and TriedTooOften where `by` has named too many whom
    nobody knows: whoever shares hears whether there is such a name, and is not to find out all of them.
    """
    person = _named(username, by=by)
    if person.pk == album.owner_id:
        raise NotShared(_("The album is theirs already.") if by.pk != person.pk else _("The album is yours already."))
    with transaction.atomic():
        album_hold(viewer=by, album=album, at_least=MANAGE)
        member, is_new = AlbumMember.objects.get_or_create(album=album, person=person, defaults={"role": role})
        if not is_new:
            raise NotShared(_("%(name)s sees the album already.") % {"name": person.shown_name})
        audit.record(by, "album.share", album, person=person.username, role=role)
    return member


def member_set_role(*, member: AlbumMember, by: User, role: str, only_as: str | None = None) -> RoleChange | None:
    """Lets a member do more or less in the album, where they may do this still (`only_as`). Links of somebody who may
    no longer share are revoked. None where nothing changed."""
    with transaction.atomic():
        album_hold(viewer=by, album=member.album, at_least=MANAGE)
        kept = AlbumMember.objects.filter(pk=member.pk)
        before = kept.values_list("role", flat=True).first()
        if before is None or before == role or only_as not in (None, before):
            return None
        kept.update(role=role)
        links = 0 if role == AlbumMember.Role.MANAGE else _revoke_links(member, by)
        audit.record(by, "album.role", member.album, person=member.person.username, role=role)
    return RoleChange(before, links)


def member_remove(*, member: AlbumMember, by: User, only_as: str | None = None) -> Departure | None:
    """Shares an album with somebody no longer, be it that they leave: their pictures leave it with them, and their
    links to it are revoked. None where they were removed already. `only_as`: nor where they may not do just this any
    more, or have pictures in it or links to it by now."""
    with transaction.atomic():
        album_hold(viewer=by, album=member.album, at_least=VIEW if by.pk == member.person_id else MANAGE)
        kept = AlbumMember.objects.filter(pk=member.pk).first()
        if kept is None or (only_as is not None and (kept.role != only_as or _has_part_in(kept))):
            return None
        AlbumMember.objects.filter(pk=member.pk).delete()
        removal = album_remove(album=member.album, images=Image.with_trash.filter(owner=member.person_id))
        links = _revoke_links(member, by)
        audit.record(by, "album.unshare", member.album, person=member.person.username)
    return Departure(member.pk, member.person_id, kept.role, kept.created_at, removal, links)


def member_put_back(*, album: Album, departure: Departure, by: User) -> tuple[User, list[int]] | None:
    """Shares an album again with somebody who was removed, as it was, but for their links: they, and the ids of their
    pictures that are in it again. None where they are gone, somebody has shared it with them anew, or they have left an
    album by themselves since: it may be this one."""
    with transaction.atomic():
        Image.with_trash.lock(departure.removal.positions)  # first, as all do
        album_hold(viewer=by, album=album, at_least=MANAGE)
        person = User.objects.select_for_update(no_key=True).filter(pk=departure.person_id).first()
        if person is None or _has_left(person, since=departure.removal.at):
            return None
        said = {"pk": departure.member_id, "role": departure.role, "created_at": departure.since}
        _, is_new = AlbumMember.objects.get_or_create(album=album, person=person, defaults=said)
        if not is_new:
            return None
        back = album_put_back(album=album, removal=departure.removal, by=by)
        audit.record(by, "album.share", album, person=person.username, role=departure.role)
    return person, back


def _named(username: str, *, by: User) -> User:
    """Whose user name this is; whatever its capitals, where there is no second one. Raises NotShared."""
    name = User.normalize_username(username.strip())
    tries = [Bound(f"names {by.pk}", MOST_NAMES, NAMES_SECONDS)]
    if tries_take(tries):
        raise TriedTooOften(_("Those were many names that nobody here has. Try again in an hour."))
    named = list(User.objects.filter(username__iexact=name, is_active=True))
    person = next((each for each in named if each.username == name), named[0] if len(named) == 1 else None)
    if person is None:
        raise NotShared(_("Nobody here has the user name “%(name)s”.") % {"name": name})
    tries_give_back(tries)
    return person


def _has_left(person: User, *, since: datetime) -> bool:
    """Whether they left, or took somebody out of, some album; the log knows albums by their titles, which change."""
    return AuditEntry.objects.filter(actor=person, action="album.unshare", at__gte=since).exists()


def _has_part_in(member: AlbumMember) -> bool:
    """Whether pictures of theirs are in the album, or links of theirs lead to it."""
    pictures = AlbumImage.objects.filter(album=member.album_id, image__owner=member.person_id)
    return pictures.exists() or _links_of(member).exists()


def _links_of(member: AlbumMember) -> "QuerySet[AlbumLink]":
    return AlbumLink.objects.filter(album=member.album_id, created_by=member.person_id)


def _revoke_links(member: AlbumMember, by: User) -> int:
    links = _links_of(member)
    for link in links:
        audit.record(by, "link.revoke", member.album, label=link.label)
    return links.delete()[0]
