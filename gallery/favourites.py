"""Favourites: a person's heart on pictures that they may see."""

from django.db import transaction

from gallery.models import Favourite, Image, ImageQuerySet, User, Viewer


def is_favourite(*, viewer: Viewer, image: Image) -> bool:
    return Favourite.objects.filter(person_id=viewer.pk, image=image).exists()


def has_favourites(*, viewer: Viewer) -> bool:
    """Whether the viewer has marked anything, be it hidden from them by now."""
    return Favourite.objects.filter(person_id=viewer.pk).exists()


def favourites_add(*, person: User, images: ImageQuerySet) -> list[int]:
    """Those that the person may not see are left out. The ids of those that were none before."""
    with transaction.atomic():
        # locked, so that none is deleted before it has its heart
        found = [image.pk for image in images.reachable_by(person).locked()]
        had = set(Favourite.objects.filter(person=person, image__in=found).values_list("image", flat=True))
        new = [pk for pk in found if pk not in had]
        # the person may be doing it twice at once, and only one of the two gets here first
        Favourite.objects.bulk_create((Favourite(person=person, image_id=pk) for pk in new), ignore_conflicts=True)
    return new


def favourites_remove(*, person: User, images: ImageQuerySet) -> list[int]:
    """The ids of those that were among them."""
    with transaction.atomic():
        favourites = Favourite.objects.filter(person=person, image__in=images)
        lost = list(favourites.order_by("image").values_list("image", flat=True))
        favourites.delete()
    return lost
