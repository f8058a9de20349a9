"""Why a picture was found: where in it the words are."""

from uuid import UUID

from django.http import HttpResponseBase, JsonResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.http import require_safe

from gallery.permissions import reachable_image
from gallery.views.access import SignedInRequest, sign_in_required
from gallery.views.media import caching_of
from ml.errors import ModelError
from search.exceptions import NoHeat
from search.query.explain import heat_map, question
from search.query.parse import parse


@require_safe
@sign_in_required
def heat(request: SignedInRequest, uuid: UUID) -> HttpResponseBase:
    """`?q=…`: where a picture is like the query's words, for static/js/heat.js.

    A grid of `values` from 0 to 1 in reading order, or status 404 and a `message`. For people who have signed in, as
    all that encodes a picture.
    """
    image = reachable_image(viewer=request.user, uuid=uuid)
    try:
        asked = question(image=image, query=parse(request.GET.get("q", ""), today=timezone.localdate()))
        etag = quote_etag(asked.key)
        response = get_conditional_response(request, etag=etag)
        if response is None:
            grid = heat_map(asked)
            rows, columns = grid.shape
            values = [round(float(value), 3) for value in grid.ravel()]
            response = JsonResponse({"text": asked.text, "rows": rows, "columns": columns, "values": values})
    except (NoHeat, ModelError) as reason:
        return JsonResponse({"message": str(reason)}, status=404)
    for header, value in {**caching_of(request, image), "ETag": etag}.items():
        response[header] = value
    return response
