from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CaptioningConfig(AppConfig):
    name = "captioning"
    verbose_name = _("Captions")

    def ready(self) -> None:
        from captioning import undo  # noqa: F401, PLC0415 (apps must be ready; registers the ways back)
