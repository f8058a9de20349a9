"""Pictures, as one may see them: what is the owner's alone is null for everybody else."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.reverse import reverse

from api.base import viewer_of
from api.fields import Choice, Number
from gallery.models import Favourite, Image, ImageQuerySet, Rendition, Stage, Visibility
from gallery.permissions import may_change
from gallery.selectors import image_work
from gallery.signed import LONGEST, ORIGINAL

STEP_STATES = Stage.State.choices
WORK_STATES = ["ready", "working", "failed"]


class RenditionSerializer(serializers.Serializer[Any]):
    """A smaller WebP of a picture, and where its bytes are."""

    kind = serializers.ChoiceField(choices=[kind.value for kind in Rendition.Kind])
    url = serializers.SerializerMethodField()
    width = serializers.IntegerField(help_text="Pixels.")
    height = serializers.IntegerField()
    byte_size = serializers.IntegerField()

    @extend_schema_field(serializers.URLField())
    def get_url(self, rendition: Rendition) -> str:
        uuid = self.context["uuid"]
        return reverse("api:rendition", args=[uuid, rendition.kind], request=self.context["request"])


class AddressWishSerializer(serializers.Serializer[Any]):
    """Which file of a picture is to open without signing in, and for how long."""

    kind = Choice(choices=[*(kind.value for kind in Rendition.Kind), ORIGINAL])
    seconds = Number(min_value=1, max_value=LONGEST, required=False, default=300)


class AddressSerializer(serializers.Serializer[Any]):
    """An address that holds for a while, for whoever has it."""

    url = serializers.URLField()
    expires_at = serializers.DateTimeField()


class LocationSerializer(serializers.Serializer[Any]):
    """Degrees."""

    latitude = serializers.FloatField()
    longitude = serializers.FloatField()


class ImageSerializer(serializers.Serializer[Any]):
    """A picture."""

    uuid = serializers.UUIDField()
    url = serializers.SerializerMethodField(help_text="Here.")
    page = serializers.SerializerMethodField(help_text="Its page on the site.")
    owner = serializers.CharField(source="owner.username")
    is_own = serializers.SerializerMethodField()
    visibility = serializers.ChoiceField(choices=Visibility.choices)
    title = serializers.CharField()
    notes = serializers.CharField()
    place = serializers.SerializerMethodField(help_text="In words; one found by coordinates is the owner's alone.")
    caption = serializers.CharField(source="description", help_text="The current one: the alt text.")
    caption_unsure = serializers.BooleanField(source="description_unsure")
    caption_by_person = serializers.BooleanField(source="description_by_person")
    text_in_picture = serializers.CharField()
    tags = serializers.SerializerMethodField()
    favourite = serializers.SerializerMethodField(help_text="Whether you like it; nobody else knows.")
    state = serializers.SerializerMethodField(help_text="Of the work on it.")
    file_name = serializers.CharField()
    format = serializers.CharField(help_text="JPEG, PNG, …")
    width = serializers.IntegerField(help_text="Pixels, as shown.")
    height = serializers.IntegerField()
    frames = serializers.IntegerField()
    byte_size = serializers.IntegerField()
    sha256 = serializers.SerializerMethodField(help_text="Of the original; for the owner alone.")
    uploaded_at = serializers.DateTimeField()
    taken_at = serializers.DateTimeField(allow_null=True)
    camera_make = serializers.CharField()
    camera_model = serializers.CharField()
    location = serializers.SerializerMethodField(help_text="For the owner alone.")
    original = serializers.SerializerMethodField(help_text="Where its bytes are; for the owner alone.")
    renditions = serializers.SerializerMethodField(help_text="Empty until the worker has made them.")
    trashed_at = serializers.DateTimeField(allow_null=True)

    def _is_own(self, image: Image) -> bool:
        return may_change(viewer=viewer_of(self.context["request"]), image=image)

    @extend_schema_field(serializers.URLField())
    def get_url(self, image: Image) -> str:
        return reverse("api:image", args=[image.uuid], request=self.context["request"])

    @extend_schema_field(serializers.URLField())
    def get_page(self, image: Image) -> str:
        return str(self.context["request"].build_absolute_uri(image.get_absolute_url()))

    def get_is_own(self, image: Image) -> bool:
        return self._is_own(image)

    def get_place(self, image: Image) -> str:
        return image.place if image.place_by_person or self._is_own(image) else ""

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_tags(self, image: Image) -> list[str]:
        return [tag.name for tag in sorted(image.tags.all(), key=lambda tag: tag.key)]

    def get_favourite(self, image: Image) -> bool:
        return image.pk in self.context["favourites"]

    @extend_schema_field(serializers.ChoiceField(choices=WORK_STATES))
    def get_state(self, image: Image) -> str:
        return image_work(image).state

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_sha256(self, image: Image) -> str | None:
        return image.sha256 if self._is_own(image) else None

    @extend_schema_field(LocationSerializer(allow_null=True))
    def get_location(self, image: Image) -> dict[str, float] | None:
        if image.latitude is None or image.longitude is None or not self._is_own(image):
            return None
        return {"latitude": image.latitude, "longitude": image.longitude}

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_original(self, image: Image) -> str | None:
        if not self._is_own(image):
            return None
        return reverse("api:original", args=[image.uuid], request=self.context["request"])

    @extend_schema_field(RenditionSerializer(many=True))
    def get_renditions(self, image: Image) -> Any:
        return represent_renditions(self.context["request"], image)


class ImagePartSerializer(ImageSerializer):
    """A picture; with `?fields=`, that much of it."""


class StepSerializer(serializers.Serializer[Any]):
    """A step of the work on a picture."""

    name = serializers.CharField()
    state = serializers.ChoiceField(choices=STEP_STATES)
    later = serializers.BooleanField(help_text="Comes after everything else, and doesn't count for the whole.")
    error = serializers.CharField(help_text="Why it failed, for the owner.")


class WorkSerializer(serializers.Serializer[Any]):
    """The work on a picture."""

    state = serializers.ChoiceField(choices=WORK_STATES)
    is_open = serializers.BooleanField(help_text="Something is still to be done.")
    can_retry = serializers.BooleanField()
    steps = StepSerializer(many=True)


class RetriedSerializer(serializers.Serializer[Any]):
    """How many steps are tried again."""

    retried = serializers.IntegerField()


class EmptiedSerializer(serializers.Serializer[Any]):
    """How many pictures of a trash are deleted for good, and how many are still in it."""

    deleted = serializers.IntegerField()
    left = serializers.IntegerField()


class TagNamesSerializer(serializers.Serializer[Any]):
    """The names of tags."""

    names = serializers.ListField(child=serializers.CharField())


def prefetched(images: ImageQuerySet) -> ImageQuerySet:
    """With all that representing them needs: three more SQL statements, however many they are."""
    return images.select_related("owner").with_renditions().prefetch_related("stages", "tags")


def represent_images(request: Request, images: Sequence[Image]) -> list[dict[str, Any]]:
    """Pictures that came `prefetched`; one more SQL statement, for the caller's hearts."""
    favourites = Favourite.objects.filter(person_id=request.user.pk, image__in=[image.pk for image in images])
    context = {"request": request, "favourites": set(favourites.values_list("image_id", flat=True))}
    return list(ImageSerializer(images, many=True, context=context).data)


def represent_image(request: Request, image: Image) -> dict[str, Any]:
    """One picture, read anew, in the trash or not. The caller has made sure that it may be shown."""
    return represent_images(request, [prefetched(Image.with_trash.filter(pk=image.pk)).get()])[0]


def represent_renditions(request: Request, image: Image) -> Any:
    """The renditions that there are of a picture."""
    rows = sorted(image.renditions.all(), key=lambda rendition: rendition.kind)
    return RenditionSerializer(rows, many=True, context={"request": request, "uuid": image.uuid}).data


def represent_work(image: Image, *, is_owner: bool) -> Any:
    """The work on a picture. Errors may tell how this machine is set up: they are the owner's."""
    work = image_work(image)
    steps = [
        {"name": step.name, "state": step.state, "later": step.later, "error": step.error if is_owner else ""}
        for step in work.steps
    ]
    data = {"state": work.state, "is_open": work.is_open, "can_retry": work.can_retry, "steps": steps}
    return WorkSerializer(data).data
