"""What people mark pictures with: tags and hearts."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from gallery.models.images import Image
from gallery.models.people import User


class Tag(models.Model):
    """Somebody's own word on pictures of theirs; whoever may see a picture sees its tags. See gallery.tags."""

    LONGEST_NAME = 50

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=LONGEST_NAME)
    key = models.CharField(max_length=3 * LONGEST_NAME, editable=False, help_text=_("The name as it is compared."))
    images = models.ManyToManyField(Image, through="ImageTag", related_name="tags")
    pictures = models.PositiveIntegerField(default=0, editable=False)  # how many, trash aside: see gallery.counted

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["owner", "key"], name="tag_once_per_owner")]
        indexes: ClassVar = [models.Index(fields=["key"], name="tag_key")]

    def __str__(self) -> str:
        return self.name


class ImageTag(models.Model):
    """A picture has a tag."""

    image = models.ForeignKey(Image, on_delete=models.CASCADE)
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["image", "tag"], name="tag_once_per_image")]

    def __str__(self) -> str:
        return f"{self.tag_id} on {self.image_id}"


class Favourite(models.Model):
    """A person likes a picture, their own or somebody else's; nobody else knows. See gallery.favourites."""

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="favourites")
    image = models.ForeignKey(Image, on_delete=models.CASCADE)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["person", "image"], name="favourite_once_per_person")]

    def __str__(self) -> str:
        return f"{self.image_id} of {self.person_id}"
