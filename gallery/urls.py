from django.urls import path

from gallery.views import accounts, albums, images, library, media, selection, tags, upload

urlpatterns = [
    path("", library.library, name="library"),
    path("public/", library.public, name="public"),
    path("upload/", upload.upload, name="upload"),
    path("states/", images.image_states, name="image-states"),
    path("i/<uuid:uuid>/", images.image_detail, name="image"),
    path("i/<uuid:uuid>/state/", images.image_state, name="image-state"),
    path("i/<uuid:uuid>/retry/", images.image_retry, name="image-retry"),
    path("i/<uuid:uuid>/visibility/", images.image_visibility, name="image-visibility"),
    path("i/<uuid:uuid>/delete/", images.image_delete, name="image-delete"),
    path("i/<uuid:uuid>/favourite/", images.image_favourite, name="image-favourite"),
    path("i/<uuid:uuid>/albums/", albums.image_albums, name="image-albums"),
    path("i/<uuid:uuid>/words/", images.image_words, name="image-words"),
    path("i/<uuid:uuid>/tags/", tags.image_tags, name="image-tags"),
    path("tags/", tags.tags, name="tags"),
    path("tags/rename/", tags.rename, name="tag-rename"),
    path("tags/delete/", tags.delete, name="tag-delete"),
    path("selection/", selection.selection, name="selection"),
    path("albums/", albums.albums, name="albums"),
    path("albums/new/", albums.create, name="album-create"),
    path("albums/<uuid:uuid>/", albums.album, name="album"),
    path("albums/<uuid:uuid>/rename/", albums.rename, name="album-rename"),
    path("albums/<uuid:uuid>/arrange/", albums.arrange, name="album-arrange"),
    path("albums/<uuid:uuid>/delete/", albums.delete, name="album-delete"),
    path("media/<uuid:uuid>/<slug:kind>.webp", media.rendition, name="rendition"),
    path("media/<uuid:uuid>/original", media.original, name="original"),
    path("sign-in/", accounts.SignIn.as_view(), name="sign-in"),
    path("sign-up/", accounts.SignUp.as_view(), name="sign-up"),
    path("sign-out/", accounts.SignOut.as_view(), name="sign-out"),
]
