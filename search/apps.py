from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class SearchConfig(AppConfig):
    name = "search"
    verbose_name = _("Search")

    def ready(self) -> None:
        from search import checks, undo  # noqa: F401, PLC0415 (registers the system checks and the ways back)

        post_migrate.connect(_keep_fulltext, sender=self)


def _keep_fulltext(*, using: str, **_given: Any) -> None:
    """Migrations that make SQLite's table of pictures anew drop the triggers on it."""
    from search.query import fulltext_schema  # noqa: PLC0415  pictures' models are not loaded before

    fulltext_schema.ensure_level(connections[using])
