from django.apps import AppConfig


class MmsiteConfig(AppConfig):
    name = "mmsite"

    def ready(self) -> None:
        from mmsite import labels  # when models are loaded

        labels.speak()
