from django.apps import AppConfig

from mmsite import instruments  # noqa: F401  which says where numbers lie, before there is any


class MmsiteConfig(AppConfig):
    name = "mmsite"

    def ready(self) -> None:
        from mmsite import labels  # when models are loaded

        labels.speak()
