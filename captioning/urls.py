from django.urls import path

from captioning import views, views_export, views_import, views_review

urlpatterns = [
    path("i/<uuid:uuid>/looks/", views.looks, name="looks"),
    path("i/<uuid:uuid>/caption/", views.edit, name="caption-edit"),
    path("i/<uuid:uuid>/caption/choose/", views.choose, name="caption-choose"),
    path("i/<uuid:uuid>/caption/again/", views.again, name="caption-again"),
    path("review/", views_review.review, name="review"),
    path("review/judge/", views_review.judge, name="review-judge"),
    path("captions/export/", views_export.export, name="captions-export"),
    path("captions/import/", views_import.import_captions, name="captions-import"),
]
