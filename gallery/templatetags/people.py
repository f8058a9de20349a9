"""How people, and what they have here, are put into words and marks."""

from django import template

from gallery import quotas
from gallery.models import PersonSession, User
from gallery.user_agents import in_words

register = template.Library()


@register.inclusion_tag("accounts/_room.html")
def room_used(user: User) -> dict[str, quotas.Room]:
    """A bar of the room that somebody's pictures take; nothing where there is no limit."""
    return {"room": quotas.room_of(user)}


@register.filter
def device(session: PersonSession) -> str:
    """Browser and system, as in "Firefox on Linux"."""
    return in_words(session.user_agent)
