"""Names the places of pictures that came before places had names."""

from typing import Any

from django.core.management.base import BaseCommand
from tqdm import tqdm

from gallery.models import Image
from gallery.places import image_find_place


class Command(BaseCommand):
    help = "Names the places of all pictures that have coordinates and no place yet. May be stopped and started again."

    def handle(self, *args: Any, **options: Any) -> None:
        unnamed = Image.objects.filter(latitude__isnull=False, longitude__isnull=False, place="", place_by_person=False)
        # No bar where nobody watches (disable=None), such as in a log.
        progress = tqdm(unnamed.order_by("pk").iterator(), total=unnamed.count(), unit="picture", disable=None)
        named = sum(bool(image_find_place(image=image)) for image in progress)
        self.stdout.write(f"{named:,} pictures have the name of their place now.")
