"""Whether search is set up in a way that can work.

Every `manage.py` command runs this, so that it imports nothing heavy.
"""

from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register
def check_vector_index(**_: Any) -> list[CheckMessage]:
    """settings.VECTOR_INDEX names a backend whose module exists, and options for it."""
    setting = settings.VECTOR_INDEX
    hint = 'For example {"BACKEND": "search.backends.faiss.FaissIndex", "OPTIONS": {}}.'
    if not isinstance(setting, dict) or set(setting) != {"BACKEND", "OPTIONS"}:
        return [Error("VECTOR_INDEX needs BACKEND and OPTIONS, and nothing else.", hint=hint, id="search.E001")]
    module, _dot, _name = str(setting["BACKEND"]).rpartition(".")
    if not _is_importable(module):
        return [Error(f"VECTOR_INDEX: there is no module {module!r}.", hint=hint, id="search.E002")]
    return []


@register
def check_encoder(**_: Any) -> list[CheckMessage]:
    """settings.ENCODER names a model; whether that can be loaded is for `manage.py doctor` to say."""
    if settings.ENCODER.strip():
        return []
    return [Error("ENCODER is empty.", hint="Set MMSITE_ENCODER, or leave it out for `builtin`.", id="search.E003")]


def _is_importable(module: str) -> bool:
    try:
        return bool(module) and find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it is missing
        return False
