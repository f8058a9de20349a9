from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class GalleryConfig(AppConfig):
    name = "gallery"
    verbose_name = _("Gallery")

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in  # noqa: PLC0415 (apps must be ready)

        from gallery import checks, converters, sessions, sign_in  # noqa: F401, PLC0415 (registers checks and parts of addresses)
        from gallery.undo import albums, images, members, tags, trash  # noqa: F401, PLC0415 (registers the ways back)

        user_logged_in.connect(sessions.note_sign_in, dispatch_uid="gallery.sessions")
        user_logged_in.connect(sign_in.note_sign_in, dispatch_uid="gallery.sign_in")
        post_migrate.connect(_keep_tallies, sender=self)


def _keep_tallies(*, using: str, **_given: Any) -> None:
    """Migrations that make SQLite's table of pictures anew drop the triggers on it."""
    from gallery import tally_schema  # noqa: PLC0415  as others of this module

    tally_schema.ensure_level(connections[using])
