"""Numbers as the language of whoever reads them writes them, and steps as people call them."""

from django.utils.formats import number_format
from django.utils.translation import gettext_lazy

STEP_LABELS = {
    "renditions": gettext_lazy("Thumbnail and preview"),
    "caption": gettext_lazy("Caption"),
    "embedding": gettext_lazy("Search"),
    "text": gettext_lazy("Text in it"),
}


def grouped(number: int, *, is_exact: bool = True) -> str:
    """`1,234` in English, `1.234` in German; `1,234+` where there are more than were counted."""
    return number_format(number, force_grouping=True) + ("" if is_exact else "+")


def step_name(step: str) -> str:
    """What people call a step: "Caption"."""
    return str(STEP_LABELS.get(step, step.capitalize()))
