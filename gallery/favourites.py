"""Favourites: a person's heart on pictures that they may see."""

from django.db import transaction

from gallery.models import Favourite, Image, ImageQuerySet, User, Viewer


def is_favourite(*, viewer: Viewer, image: Image) -> bool:
    return Favourite.objects.filter(person_id=viewer.pk, image=image).exists()


def favourites_add(*, person: User, images: ImageQuerySet) -> None:
    """Those that the person may not see are left out."""
    with transaction.atomic():
        # locked, so that none is deleted before it has its heart
        found = images.reachable_by(person).locked()
        favourites = [Favourite(person=person, image=image) for image in found]
        Favourite.objects.bulk_create(favourites, ignore_conflicts=True)


def favourites_remove(*, person: User, images: ImageQuerySet) -> None:
    Favourite.objects.filter(person=person, image__in=images).delete()
