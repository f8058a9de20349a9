"""The vectors and the models that made them, for those who run the place."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from gallery.admin import ReadOnlyAdmin, ThumbnailMixin
from search.models import Embedding, ModelVersion


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    list_display = ("key", "state", "dimension", "pictures", "created_at")
    list_filter = ("state", "name")
    search_fields = ("key", "weights_hash")
    ordering = ("-pk",)
    fields = (
        "key",
        "state",
        "name",
        "revision",
        "weights_hash",
        "preprocessing",
        "dimension",
        "pictures",
        "last_seq",
        "created_at",
    )
    readonly_fields = ("pictures",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        with_vector = Count("embeddings", filter=Q(embeddings__vector__isnull=False))
        versions: QuerySet[ModelVersion] = super().get_queryset(request).annotate(pictures=with_vector)
        return versions

    @admin.display(description="pictures with its vector", ordering="pictures")
    def pictures(self, version: Any) -> int:
        return int(version.pictures)

    def has_delete_permission(self, request: HttpRequest, obj: ModelVersion | None = None) -> bool:
        """Only what no search uses can go; its vectors go along."""
        is_retired = obj is not None and obj.state == ModelVersion.State.RETIRED
        return is_retired and request.user.has_perm("search.delete_modelversion")

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """The vectors are too many to list and need no permission of their own."""
        return [str(version) for version in objs], {"model versions": len(objs)}, set(), []


@admin.register(Embedding)
class EmbeddingAdmin(ThumbnailMixin, ReadOnlyAdmin):
    """Without `image` among the columns: a tombstone's picture no longer exists, and a join would hide the row."""

    list_display = ("thumbnail", "image_id", "model_version", "seq", "is_tombstone", "updated_at")
    list_filter = ("model_version", "updated_at")
    list_select_related = ("model_version",)
    search_fields = ("image__file_name", "image__uuid")
    ordering = ("-pk",)
    fields = readonly_fields = ("thumbnail", "image_id", "model_version", "seq", "is_tombstone", "updated_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Embedding]:
        queryset: QuerySet[Embedding] = super().get_queryset(request)
        return queryset.defer("vector").annotate(has_vector=Q(vector__isnull=False))

    @admin.display(description="deleted", boolean=True)
    def is_tombstone(self, embedding: Any) -> bool:
        return not embedding.has_vector
