from django.urls import path

from search import views, views_duplicates, views_explain, views_golden, views_suggest

urlpatterns = [
    path("search/", views.search, name="search"),
    path("search/heat/<uuid:uuid>/", views_explain.heat, name="heat"),
    path("search/golden/", views_golden.golden, name="golden"),
    path("search/judge/", views_golden.judge, name="judge"),
    path("search/suggest", views_suggest.suggest, name="search-suggest"),
    path("search/save/", views_suggest.save, name="search-save"),
    path("search/unsave/", views_suggest.unsave, name="search-unsave"),
    path("search/forget/", views_suggest.forget, name="search-forget"),
    path("duplicates/", views_duplicates.duplicates, name="duplicates"),
    path("duplicates/keep/", views_duplicates.duplicates_keep, name="duplicates-keep"),
    path("duplicates/delete/", views_duplicates.duplicates_delete, name="duplicates-delete"),
]
