"""What a caption's words stand for in the picture."""

from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.http import JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from captioning.exceptions import NoLooks
from captioning.selectors import caption_looks
from gallery.permissions import reachable_image
from gallery.views.access import SignedInRequest, sign_in_required
from ml.errors import ModelError


@require_safe
@never_cache
@sign_in_required
def looks(request: SignedInRequest, uuid: UUID) -> JsonResponse:
    """Where the captioner looked for each word of a picture's caption, for static/js/looks.js.

    Of each of the `words` a grid of `values` from 0 to 1 in reading order, or status 404 and a `message`. For people
    who have signed in, as all that encodes a picture.
    """
    image = reachable_image(viewer=request.user, uuid=uuid)
    try:
        found = caption_looks(image=image)
    except (NoLooks, ModelError) as reason:
        return JsonResponse({"message": str(reason)}, status=404)
    rows, columns = found[0].attention.shape
    words = [{"word": look.word, "values": _shares(look.attention / look.attention.max())} for look in found]
    return JsonResponse({"rows": rows, "columns": columns, "words": words})


def _shares(grid: npt.NDArray[np.float32]) -> list[float]:
    return [round(float(value), 3) for value in grid.flat]
