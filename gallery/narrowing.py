"""Conditions on pictures that hold for few or for many of them, which a database can't tell beforehand."""

from django.db.models import Q

from gallery.models import Image, Viewer

FEW = 500
NONE = Q(pk=0)  # is asked all the same: the number of statements tells nobody what others have


def narrowed(condition: Q, *, among: Q, viewer: Viewer) -> Q:
    """A condition on what is listed for the viewer, which holds for none but those for which `among` does, asked of as
    few as may be. One SQL statement.

    Few are asked one by one, wherever they lie. Where there are many, it is asked of one picture after the other in the
    order of the list: a page of them soon comes along, and nobody sorts all.
    """
    listed = Image.objects.listed_for(viewer).filter(among).order_by()
    few = set(listed.values_list("pk", flat=True)[: FEW + 1])
    if len(few) > FEW:
        return condition
    return condition & (Q(pk__in=few) if few else NONE)
