"""Who else sees an album: its members, and whoever has one of its links."""

from django.db.models import QuerySet

from gallery.models import AlbumImage, AlbumMember, Favourite, User, Visibility


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
