"""The pages on which people look after what programs may do for them."""

from django.urls import path

from api.views import pages

urlpatterns = [
    path("", pages.tokens, name="tokens"),
    path("new/", pages.token_create, name="token-create"),
    path("revoke/", pages.token_revoke, name="token-revoke"),
]
