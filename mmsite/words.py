"""What the site's scripts say, in the language of the page."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from django.views.i18n import JavaScriptCatalog


@require_safe
@cache_control(private=True, max_age=3_600)
def words(request: HttpRequest) -> HttpResponseBase:
    """Django's catalogue of translations for scripts; `?language` in its address keeps caches apart."""
    return JavaScriptCatalog.as_view(packages=["mmsite"])(request)
