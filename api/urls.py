"""Every address of the API. A version stays as it is: what would break callers becomes a version of its own."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

from api.views import albums, image_parts, images, index, jobs, me, schema, shares, tags, tokens, uploads

app_name = "api"

v1: list[URLPattern | URLResolver] = [
    path("", index.Index.as_view(), name="index"),
    path("schema/", schema.Description.as_view(), name="schema"),
    path("schema.yaml", schema.DescriptionInYaml.as_view(), name="schema-yaml"),
    path("docs/", schema.TryIt.as_view(), name="docs"),
    path("me/", me.Me.as_view(), name="me"),
    path("tokens/", tokens.Tokens.as_view(), name="tokens"),
    path("tokens/<int:pk>/", tokens.OneToken.as_view(), name="token"),
    path("images/", images.Images.as_view(), name="images"),
    path("images/<uuid:uuid>/", images.OneImage.as_view(), name="image"),
    path("images/<uuid:uuid>/address/", image_parts.Address.as_view(), name="image-address"),
    path("images/<uuid:uuid>/favourite/", image_parts.Heart.as_view(), name="favourite"),
    path("images/<uuid:uuid>/original/", image_parts.OriginalBytes.as_view(), name="original"),
    path("images/<uuid:uuid>/renditions/", image_parts.Renditions.as_view(), name="renditions"),
    path("images/<uuid:uuid>/renditions/<slug:kind>/", image_parts.RenditionBytes.as_view(), name="rendition"),
    path("images/<uuid:uuid>/restore/", image_parts.Restore.as_view(), name="restore"),
    path("images/<uuid:uuid>/retry/", image_parts.Retry.as_view(), name="retry"),
    path("images/<uuid:uuid>/tags/", image_parts.ImageTags.as_view(), name="image-tags"),
    path("images/<uuid:uuid>/work/", image_parts.Work.as_view(), name="work"),
    path("albums/", albums.Albums.as_view(), name="albums"),
    path("albums/<uuid:uuid>/", albums.OneAlbum.as_view(), name="album"),
    path("albums/<uuid:uuid>/images/", albums.AlbumImages.as_view(), name="album-images"),
    path("albums/<uuid:uuid>/images/move/", albums.MoveInAlbum.as_view(), name="album-move"),
    path("albums/<uuid:uuid>/images/remove/", albums.RemoveFromAlbum.as_view(), name="album-remove"),
    path("albums/<uuid:uuid>/members/", shares.Members.as_view(), name="members"),
    path("albums/<uuid:uuid>/members/<username:username>/", shares.OneMember.as_view(), name="member"),
    path("albums/<uuid:uuid>/links/", shares.Links.as_view(), name="links"),
    path("albums/<uuid:uuid>/links/<int:pk>/", shares.OneLink.as_view(), name="link"),
    path("jobs/", jobs.Jobs.as_view(), name="jobs"),
    path("jobs/all/", jobs.AllJobs.as_view(), name="jobs-all"),
    path("jobs/retry/", jobs.RetryJobs.as_view(), name="jobs-retry"),
    path("jobs/pause/", jobs.Pause.as_view(), name="jobs-pause"),
    path("jobs/resume/", jobs.Resume.as_view(), name="jobs-resume"),
    path("tags/", tags.Tags.as_view(), name="tags"),
    path("tags/<int:pk>/", tags.OneTag.as_view(), name="tag"),
    path("tags/<int:pk>/merge/", tags.MergeTag.as_view(), name="tag-merge"),
    path("uploads/", uploads.Uploads.as_view(), name="uploads"),
    path("uploads/<uuid:uuid>/", uploads.OneUpload.as_view(), name="upload"),
    path("trash/", image_parts.Trash.as_view(), name="trash"),
    path("", include("api.urls_search")),
]

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="api:docs"), name="front"),
    path("v1/", include(v1)),
    re_path(r"^", schema.Nothing.as_view(), name="nothing"),
]
