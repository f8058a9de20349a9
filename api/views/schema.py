"""The API's description of itself, and a page to try it."""

from typing import Any, ClassVar

from drf_spectacular.renderers import OpenApiJsonRenderer2, OpenApiYamlRenderer, OpenApiYamlRenderer2
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from api import problems
from api.base import ApiView


class Description(SpectacularAPIView):
    """OpenAPI 3 as JSON, or what of the two `Accept` asks for."""

    renderer_classes: ClassVar[Any] = [OpenApiJsonRenderer2, OpenApiYamlRenderer2, OpenApiYamlRenderer]
    authentication_classes: ClassVar[Any] = []
    permission_classes: ClassVar[Any] = []
    throttle_classes: ClassVar[Any] = []


class DescriptionInYaml(Description):
    """The same as YAML."""

    renderer_classes: ClassVar[Any] = [OpenApiYamlRenderer2]


class TryIt(SpectacularSwaggerSplitView):
    """Swagger UI, from this site's own files."""

    authentication_classes: ClassVar[Any] = []
    permission_classes: ClassVar[Any] = []
    throttle_classes: ClassVar[Any] = []
    url_name = "api:schema"
    template_name = "api/docs.html"


class Nothing(ApiView):
    """Whatever else is asked for below /api/."""

    open_to_strangers = True
    permission_classes: ClassVar[Any] = []

    @extend_schema(exclude=True)
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound(problems.NOT_FOUND)

    def http_method_not_allowed(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        raise NotFound(problems.NOT_FOUND)
