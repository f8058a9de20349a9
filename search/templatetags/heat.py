"""Which hits offer to show where in them the words are."""

from urllib.parse import quote

from django import template
from django.template.context import RequestContext

from search.query.explain import texts_to_show
from search.query.terms import Query

register = template.Library()


@register.simple_tag(takes_context=True)
def words_to_show(context: RequestContext, query: Query) -> str:
    """The text of a query with words that can be shown in pictures, as it stands in addresses; "" where it has none, or
    a stranger looks."""
    return quote(query.text) if context["user"].is_authenticated and texts_to_show(query) else ""
