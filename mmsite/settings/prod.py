"""The settings that `make run` and servers use."""

from mmsite.settings.base import *  # noqa: F403
