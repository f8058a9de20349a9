from django.apps import AppConfig


class CaptioningConfig(AppConfig):
    name = "captioning"
