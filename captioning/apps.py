from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CaptioningConfig(AppConfig):
    name = "captioning"
    verbose_name = _("Captions")
