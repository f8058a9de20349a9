"""For those who change the code: tracebacks in the page, static files as they lie in static/."""

from mmsite.settings.base import *  # noqa: F403
from mmsite.settings.base import STORAGES

DEBUG = True
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
