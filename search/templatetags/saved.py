"""The searches that the person who looks made and keeps."""

from django import template
from django.template.context import RequestContext

from gallery.models import User
from search.models import SavedSearch

PAST_SHOWN = 12

register = template.Library()


@register.simple_tag(takes_context=True)
def own_searches(context: RequestContext) -> dict[str, list[SavedSearch]]:
    """`saved` by their names, and the latest `past` ones. One statement; none for strangers."""
    user = context["user"]
    if not isinstance(user, User):
        return {}
    own = list(SavedSearch.objects.filter(owner=user).order_by("-last_used_at", "-pk"))
    return {
        "saved": sorted((search for search in own if search.is_saved), key=lambda search: str(search).lower()),
        "past": [search for search in own if not search.is_saved][:PAST_SHOWN],
    }
