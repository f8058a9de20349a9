from django.apps import AppConfig
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
