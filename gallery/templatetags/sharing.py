"""With whom an album is shared, in words."""

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

register = template.Library()


@register.simple_tag
def audience(people: int, guests: int) -> str:
    """Who else sees an album with so many members, and so many links that hold."""
    with_people = ngettext("shared with %(number)s person", "shared with %(number)s people", people) % {
        "number": people
    }
    if people and guests:
        by_links = ngettext("%(people)s and by %(number)s link", "%(people)s and by %(number)s links", guests)
        return by_links % {"people": with_people, "number": guests}
    if people:
        return with_people
    if guests:
        return ngettext("shared by %(number)s link", "shared by %(number)s links", guests) % {"number": guests}
    return _("seen in this album by you alone")
