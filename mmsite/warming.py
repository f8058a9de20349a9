"""What the first search would wait for, had this process not searched before."""

from urllib.parse import urlencode
from wsgiref.util import setup_testing_defaults

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.handlers.wsgi import WSGIRequest
from django.urls import resolve, reverse
from django.utils import translation

from gallery.models import Image
from search import engine, index, metrics

QUERY = "a photo"


def warm() -> None:
    """Load what searches need: model, index, addresses, templates and words in each language.

    By searching, as the owner of the newest picture, and throwing the page away. Nothing is written down, since
    searches with a picture in them never are, and nothing counted. Raises DatabaseError, or an error of ml.errors.
    """
    engine.warm()
    index.get_indexes()
    newest = Image.objects.select_related("owner").order_by("-pk").first()
    for language, _ in settings.LANGUAGES:
        with translation.override(language), metrics.uncounted():
            _search(newest)


def _search(picture: Image | None) -> None:
    words = f"{QUERY} ~{picture.uuid}" if picture else QUERY
    environ = {"PATH_INFO": reverse("search"), "QUERY_STRING": urlencode({"q": words})}
    setup_testing_defaults(environ)
    request = WSGIRequest(environ)
    request.user = picture.owner if picture else AnonymousUser()
    view, arguments, keywords = resolve(request.path)
    view(request, *arguments, **keywords)
