"""Every category of hostile picture, by its name."""

from tests.hostile import animations, bombs, broken, confusions, metadata, modes  # noqa: F401  they register themselves
from tests.hostile.case import CATEGORIES

LIGHT = sorted(name for name, category in CATEGORIES.items() if not category.heavy)
HEAVY = sorted(name for name, category in CATEGORIES.items() if category.heavy)
