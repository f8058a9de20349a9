"""Every address of the site."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.i18n import set_language

from mmsite import views, words

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("gallery.urls")),
    path("", include("captioning.urls")),
    path("", include("search.urls")),
    path("api/", include("api.urls")),
    path("account/tokens/", include("api.urls_pages")),
    path("account/webhooks/", include("api.urls_webhooks")),
    path("describe/", views.describe_page, name="describe"),
    path("describe/keep/", views.describe_keep, name="describe-keep"),
    path("language/", set_language, name="language"),
    path("words.js", words.words, name="words"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", views.metrics, name="metrics"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("admin/", admin.site.urls),
]

handler400 = "mmsite.errors.bad_request"
handler403 = "mmsite.errors.permission_denied"
handler404 = "mmsite.errors.not_found"
handler500 = "mmsite.errors.server_error"
