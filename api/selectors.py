"""What the API asks of pictures and albums beyond what pages do."""

from collections.abc import Callable
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from gallery import narrowing
from gallery.cameras import taken_with
from gallery.models import Album, AlbumImage, AlbumQuerySet, Favourite, Image, ImageQuerySet, ImageTag, Stage, Viewer
from gallery.names import folded
from gallery.narrowing import narrowed


def images_filtered(*, images: ImageQuerySet, viewer: Viewer, wanted: dict[str, Any]) -> ImageQuerySet:
    """Those of the pictures that are as wanted: see api.serializers.image_queries.ImageFilters for the names."""
    for name, value in wanted.items():
        if (condition := _CONDITIONS.get(name)) is not None:
            images = images.filter(condition(value, viewer))
    return images


def albums_with_front(*, viewer: Viewer) -> AlbumQuerySet:
    """The albums that the viewer may see, each with the uuid of the picture in `front`: the cover, else the first."""
    kept = AlbumImage.objects.filter(album=OuterRef("pk"), image__trashed_at=None)
    cover = Image.objects.filter(pk=OuterRef("cover")).values("uuid")[:1]
    first = kept.order_by("position").values("image__uuid")[:1]
    return (
        Album.objects.listed_for(viewer)
        .select_related("owner")
        .annotate(front=Coalesce(Subquery(cover), Subquery(first)))
    )


def album_places(*, album: Album) -> QuerySet[AlbumImage]:
    """The places of an album with their pictures, and all that representing those needs: four SQL statements."""
    kept = AlbumImage.objects.filter(album=album, image__trashed_at=None).select_related("image__owner")
    return kept.prefetch_related("image__renditions", "image__stages", "image__tags")


def _has_tag(name: str, viewer: Viewer) -> Q:
    tagged = ImageTag.objects.filter(tag__key=folded(name))
    condition = Q(Exists(tagged.filter(image=OuterRef("pk"))))
    return narrowed(condition, among=[tagged], viewer=viewer)


def _in_album(uuid: Any, viewer: Viewer) -> Q:
    albums = Album.objects.listed_for(viewer).filter(uuid=uuid)
    return Q(pk__in=AlbumImage.objects.filter(album__in=albums.values("pk")).values("image"))


def _is_favourite(wanted: bool, viewer: Viewer) -> Q:
    hearts = Q(pk__in=Favourite.objects.filter(person_id=viewer.pk).values("image"))
    return hearts if wanted else ~hearts


def _described(by: str, viewer: Viewer) -> Q:
    if by == "nobody":
        return Q(description="")
    return ~Q(description="") & Q(description_by_person=by == "person")


def _state(state: str, viewer: Viewer) -> Q:
    """As selectors.image_work has it: what one model has done stays done while another has yet to do it as well."""
    same = Stage.objects.filter(image=OuterRef("image"), step=OuterRef("step"))
    has_been_done = Exists(same.filter(state__in=[Stage.State.DONE, Stage.State.SKIPPED]))
    of_image = Stage.objects.filter(image=OuterRef("pk")).exclude(priority=Stage.Priority.LATER)
    undone = of_image.exclude(has_been_done)
    states = {"working": Stage.OPEN, "failed": (Stage.State.FAILED,)}
    working, failed = (Q(Exists(undone.filter(state__in=some))) for some in states.values())
    if state == "ready":
        return ~working & ~failed
    those = Stage.objects.filter(state__in=states[state], priority__lt=Stage.Priority.LATER)
    ids = those.order_by().values_list("image", flat=True)
    most = 4 * narrowing.FEW  # which takes as long as to walk past the pictures between so few of 200,000
    if len(few := list(ids[: most + 1])) <= most:
        # of all people's: to look for those that are listed among these, PostgreSQL would go through all pictures
        left = set(those.filter(image__in=few).exclude(has_been_done).values_list("image", flat=True))
        found = Q(pk__in=left) if left else narrowing.NONE
        return found if state == "working" else found & ~working
    condition = working if state == "working" else failed & ~working
    return narrowed(condition, among=[those], viewer=viewer)


_CONDITIONS: dict[str, Callable[[Any, Viewer], Q]] = {
    "own": lambda wanted, viewer: Q(owner_id=viewer.pk) if wanted else ~Q(owner_id=viewer.pk),
    "visibility": lambda value, viewer: Q(visibility=value),
    "taken_after": lambda moment, viewer: Q(sort_date__gte=moment),
    "taken_before": lambda moment, viewer: Q(sort_date__lt=moment),
    "tag": _has_tag,
    "album": _in_album,
    "camera": lambda text, viewer: taken_with(text, viewer=viewer),
    "format": lambda name, viewer: Q(format=name),
    "described_by": _described,
    "state": _state,
    "favourite": _is_favourite,
}
