"""How long something takes, in words."""

import math

from django.utils.translation import gettext as _


def about(seconds: float) -> str:
    """`about 2 h 5 min`; days without minutes, and never less than a minute."""
    minutes = max(1, math.ceil(seconds / 60))
    days, hours = minutes // 1_440, minutes // 60 % 24
    parts = {_("d"): days, _("h"): hours, _("min"): 0 if days else minutes % 60}
    return _("about %(time)s") % {"time": " ".join(f"{number} {unit}" for unit, number in parts.items() if number)}
