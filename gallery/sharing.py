"""With whom an album is shared. See gallery.links for those who have no account.

A picture is in another person's album as long as its owner is a member of it: who leaves takes theirs along.

Who may share is asked under the album's lock, by which all of this waits for each other: somebody who has just been
removed shares nothing any more. Where they may not, Http404 is raised.
"""

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from gallery import audit
from gallery.albums import album_remove
from gallery.exceptions import NotShared, TriedTooOften
from gallery.models import Album, AlbumImage, AlbumLink, AlbumMember, Favourite, Image, User, Visibility
from gallery.permissions import MANAGE, VIEW, album_hold
from gallery.tries import try_give_back, try_take

# User names that nobody has which one person may try within so many seconds.
MOST_NAMES, NAMES_SECONDS = 30, 60 * 60


def listed_beside_own(viewer: User) -> "QuerySet[AlbumImage, tuple[int]]":
    """The ids of other people's pictures, public or not, that are listed for the viewer by name: in albums shared with
    them, and favourites that are shared by link. Some may be there twice, and some of the viewer's own or in the trash
    among them: what is to be seen, Image.objects.listed_for decides."""
    member = AlbumMember.objects.filter(person_id=viewer.pk)
    others = AlbumImage.objects.filter(album__in=member.values("album")).order_by()
    # in one's own albums most pictures are one's own
    added = AlbumImage.objects.filter(album__owner_id=viewer.pk, album__in=AlbumMember.objects.values("album"))
    hearts = Favourite.objects.filter(person_id=viewer.pk, image__visibility=Visibility.LINK)
    return others.values_list("image_id").union(
        added.exclude(image__owner_id=viewer.pk).values_list("image_id"), hearts.values_list("image_id"), all=True
    )


def members_of(album: Album) -> "QuerySet[AlbumMember]":
    """The members of an album, with the people, by their names."""
    return album.members.select_related("person").order_by("person__username")


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


def member_set_role(*, member: AlbumMember, by: User, role: str) -> None:
    """Lets a member do more or less in the album. Links of somebody who may no longer share are revoked."""
    with transaction.atomic():
        album_hold(viewer=by, album=member.album, at_least=MANAGE)
        if not AlbumMember.objects.filter(pk=member.pk).exclude(role=role).update(role=role):
            return
        if role != AlbumMember.Role.MANAGE:
            _revoke_links(member, by)
        audit.record(by, "album.role", member.album, person=member.person.username, role=role)


def member_remove(*, member: AlbumMember, by: User) -> None:
    """Shares an album with somebody no longer, be it that they leave: their pictures leave it with them, and their
    links to it are revoked."""
    with transaction.atomic():
        album_hold(viewer=by, album=member.album, at_least=VIEW if by.pk == member.person_id else MANAGE)
        if not AlbumMember.objects.filter(pk=member.pk).delete()[0]:
            return
        album_remove(album=member.album, images=Image.with_trash.filter(owner=member.person_id))
        _revoke_links(member, by)
        audit.record(by, "album.unshare", member.album, person=member.person.username)


def _named(username: str, *, by: User) -> User:
    """Whose user name this is; whatever its capitals, where there is no second one. Raises NotShared."""
    name = User.normalize_username(username.strip())
    tries = f"names {by.pk}"
    if not try_take(tries, most=MOST_NAMES, seconds=NAMES_SECONDS):
        raise TriedTooOften(_("Those were many names that nobody here has. Try again in an hour."))
    named = list(User.objects.filter(username__iexact=name, is_active=True))
    person = next((each for each in named if each.username == name), named[0] if len(named) == 1 else None)
    if person is None:
        raise NotShared(_("Nobody here has the user name “%(name)s”.") % {"name": name})
    try_give_back(tries)
    return person


def _revoke_links(member: AlbumMember, by: User) -> None:
    links = AlbumLink.objects.filter(album=member.album_id, created_by=member.person_id)
    for link in links:
        audit.record(by, "link.revoke", member.album, label=link.label)
    links.delete()
