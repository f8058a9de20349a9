"""Every address of the API. A version stays as it is: what would break callers becomes a version of its own."""

from django.urls import include, path, re_path

from api.views import images, me, schema, tokens

app_name = "api"

v1 = [
    path("schema/", schema.Description.as_view(), name="schema"),
    path("docs/", schema.TryIt.as_view(), name="docs"),
    path("me/", me.Me.as_view(), name="me"),
    path("tokens/", tokens.Tokens.as_view(), name="tokens"),
    path("tokens/<int:pk>/", tokens.OneToken.as_view(), name="token"),
    path("images/", images.Images.as_view(), name="images"),
    path("images/<uuid:uuid>/", images.OneImage.as_view(), name="image"),
    path("images/<uuid:uuid>/renditions/<slug:kind>/", images.RenditionBytes.as_view(), name="rendition"),
    path("images/<uuid:uuid>/original/", images.OriginalBytes.as_view(), name="original"),
]

urlpatterns = [
    path("v1/", include(v1)),
    re_path(r"^", schema.Nothing.as_view(), name="nothing"),
]
