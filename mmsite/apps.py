from django.apps import AppConfig


class MmsiteConfig(AppConfig):
    name = "mmsite"
