"""Addresses of finding and describing pictures, and of the models that do."""

from django.urls import path

from api import urls_webhooks
from api.views import captions, looking, models, search

urlpatterns = [
    path("search/", search.Search.as_view(), name="search"),
    path("search/picture/", search.SearchByPicture.as_view(), name="search-picture"),
    path("search/suggestions/", search.Suggestions.as_view(), name="search-suggestions"),
    path("images/<uuid:uuid>/heat/", search.Heat.as_view(), name="heat"),
    path("images/<uuid:uuid>/captions/", captions.Captions.as_view(), name="captions"),
    path("images/<uuid:uuid>/captions/<int:pk>/", captions.OneCaption.as_view(), name="caption-judge"),
    path("images/<uuid:uuid>/captions/regenerate/", captions.Recaption.as_view(), name="caption-regenerate"),
    path("captions/review/", captions.CaptionsToReview.as_view(), name="captions-review"),
    path("captions/export/", captions.CaptionTable.as_view(), name="captions-export"),
    path("captions/import/", captions.CaptionImport.as_view(), name="captions-import"),
    path("caption/", looking.Describe.as_view(), name="caption"),
    path("embed/texts/", looking.EmbedTexts.as_view(), name="embed-texts"),
    path("embed/picture/", looking.EmbedPicture.as_view(), name="embed-picture"),
    path("models/", models.Models.as_view(), name="models"),
    path("models/activate/", models.Activate.as_view(), name="model-activate"),
    path("models/roll-back/", models.RollBack.as_view(), name="model-roll-back"),
    path("judgements/", models.Judgements.as_view(), name="judgements"),
    path("judgements/scores/", models.Scores.as_view(), name="judgement-scores"),
    path("judgements/<int:pk>/", models.OneJudgement.as_view(), name="judgement"),
    path("searches/", models.SavedSearches.as_view(), name="searches"),
    path("searches/<int:pk>/", models.OneSavedSearch.as_view(), name="saved-search"),
    *urls_webhooks.api,
]
