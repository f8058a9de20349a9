"""The API's description of itself, and a page to try it."""

from typing import Any

from django.urls import resolve
from drf_spectacular.renderers import OpenApiJsonRenderer2, OpenApiYamlRenderer, OpenApiYamlRenderer2
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from api import problems
from api.base import ApiView


class Description(SpectacularAPIView):
    """OpenAPI 3 as JSON, or what of the two `Accept` asks for."""

    renderer_classes = [OpenApiJsonRenderer2, OpenApiYamlRenderer2, OpenApiYamlRenderer]  # noqa: RUF012  # as declared
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()


class DescriptionInYaml(Description):
    """The same as YAML."""

    renderer_classes = [OpenApiYamlRenderer2]  # noqa: RUF012  # as declared


class TryIt(SpectacularSwaggerSplitView):
    """Swagger UI, from this site's own files."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    url_name = "api:schema"
    template_name = "api/docs.html"


class Nothing(ApiView):
    """Whatever else is asked for below /api/."""

    open_to_strangers = True
    permission_classes = ()

    @extend_schema(exclude=True)
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound(_nothing_at(request.path_info))


def _nothing_at(path: str) -> str:
    if path.endswith("/") or resolve(f"{path}/").func.view_class is Nothing:  # type: ignore[attr-defined]
        return problems.NOT_FOUND
    return f"Addresses of the API end with a slash: {path}/"
