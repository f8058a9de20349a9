"""With whom an album is shared, in words."""

from django import template

register = template.Library()


@register.simple_tag
def audience(people: int, guests: int) -> str:
    """Who else sees an album with so many members, and so many links that hold."""
    with_people = f"shared with {people} {'person' if people == 1 else 'people'}"
    if people and guests:
        return f"{with_people} and by {guests} link{'' if guests == 1 else 's'}"
    if people:
        return with_people
    if guests:
        return f"shared by {guests} link{'' if guests == 1 else 's'}"
    return "seen in this album by you alone"
