"""What a person has said of the pictures that a search found."""

from typing import NamedTuple

from django import template
from django.template.context import RequestContext

from gallery.models import User
from search import golden
from search.query.answer import SearchResult

register = template.Library()


class Verdict(NamedTuple):
    """What a person has said of a picture: neither, where nothing."""

    is_right: bool
    is_wrong: bool


@register.simple_tag(takes_context=True)
def judged_hits(context: RequestContext, result: SearchResult | None) -> dict[int, bool] | None:
    """Whether the pictures of a result are right, by id, where the person has said so; None where there is nothing to
    say: a stranger looks, filters alone were asked for, or a picture was sent along. One statement for a page."""
    request, user = context["request"], context["user"]
    if result is None or not isinstance(user, User) or context.get("example") or not golden.can_be_judged(result.query):
        return None
    if not hasattr(request, "judged_hits"):
        images = [hit.image for hit in result.hits]
        request.judged_hits = golden.judged(owner=user, query=result.query, images=images)
    said: dict[int, bool] = request.judged_hits
    return said


@register.filter
def verdict(judged: dict[int, bool], image_id: int) -> Verdict:
    said = judged.get(image_id)
    return Verdict(is_right=said is True, is_wrong=said is False)
