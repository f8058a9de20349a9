"""What all views of the API share."""

from typing import Any, ClassVar, NoReturn, cast

from django.utils.cache import patch_vary_headers
from rest_framework import status
from rest_framework.exceptions import APIException, Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import etags, throttles
from api.exceptions import UnknownParameters
from api.schema import parameters_of
from gallery.models import User, Viewer


class ApiView(APIView):
    """An address of the API. Its methods are thin: they read the request, call a service or selector, and represent.

    Reads carry an entity tag, and are answered with 304 where the caller has them already.
    """

    scopes: ClassVar[dict[str, str]] = {}  # by method, where it is not the usual one: see api.permissions
    open_to_strangers: ClassVar[bool] = False
    staff_may: ClassVar[str] = ""  # the permission of those who run the site that it takes
    session_only: ClassVar[bool] = False
    throttle_scope: ClassVar[str] = ""  # a rate of its own, beside those that hold for everything
    throttled_methods: ClassVar[tuple[str, ...]] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        try:
            super().initial(request, *args, **kwargs)
        except Throttled:
            raise
        except APIException:
            self.check_throttles(request)  # REST framework counts only those whom it lets in
            raise
        self.check_parameters(request)

    def check_parameters(self, request: Request) -> None:
        """Raises UnknownParameters: what is misspelt would be taken for nothing asked."""
        if not request.query_params:  # most requests; what there may be has to be made out anew each time
            return
        known = parameters_of(self, request.method or "")
        unknown = [] if known is None else [name for name in request.query_params if name not in known]
        if unknown:
            raise UnknownParameters(unknown, known or [])

    def throttled(self, request: Request, wait: float | None) -> NoReturn:
        raise throttles.throttled(wait)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        for header, value in throttles.headers(getattr(request, "_request", request)).items():
            answer[header] = value
        patch_vary_headers(answer, ["Authorization", "Cookie"])
        if isinstance(answer, Response) and answer.status_code == status.HTTP_200_OK:
            answer.headers.setdefault("Cache-Control", "private, no-cache")
            if request.method in ("GET", "HEAD"):
                answer.headers.setdefault("ETag", etags.etag_of(answer.data))
                if etags.is_unchanged(request, answer["ETag"]):
                    _empty(answer)
        return answer


def _empty(answer: Response) -> None:
    answer.status_code = status.HTTP_304_NOT_MODIFIED
    answer.data = None


def viewer_of(request: Request) -> Viewer:
    """Who asks; perhaps nobody in particular."""
    return request.user


def person_of(request: Request) -> User:
    """Who asks, where api.permissions has made sure that they are somebody."""
    return cast(User, request.user)
