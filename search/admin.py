"""The vectors and the models that made them, for those who run the place."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from gallery import audit
from gallery.admin import ReadOnlyAdmin, ThumbnailMixin, page_asking
from gallery.models import Image, User
from gallery.wording import grouped
from ml.errors import ModelError
from search import selectors, versions
from search.exceptions import SearchError, VersionRefused
from search.models import CaptionEmbedding, Embedding, IndexCursor, Judgement, ModelVersion
from search.progress import Progress, progress_of
from search.wording import state_word


class AddForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """Registers the encoder of a name, by the service: nothing else of a version is for people to fill in."""

    class Meta:
        model = ModelVersion
        fields = ("name",)
        help_texts: ClassVar = {
            "name": gettext_lazy("A hub id, a folder or “builtin”. Nothing is embedded with it yet.")
        }

    def clean_name(self) -> str:
        try:
            version = versions.model_version_add(name=self.cleaned_data["name"]).version
        except (SearchError, ModelError) as error:
            raise forms.ValidationError(str(error)) from error
        self.instance = version
        return version.name


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    """What `manage.py models` does, by the same services.

    Not by Django's page for deleting, which would do it in one transaction, however many vectors there are.
    """

    list_display = ("key", "status", "with_vectors", "time_left", "activated_at")
    list_filter = ("state", "name")
    search_fields = ("key", "weights_hash")
    ordering = ("-pk",)
    fields = (
        "key",
        "state",
        "activates_itself",
        "with_vectors",
        "time_left",
        "name",
        "revision",
        "weights_hash",
        "preprocessing",
        "dimension",
        "last_seq",
        "created_at",
        "configured_at",
        "activated_at",
    )
    readonly_fields = ("with_vectors", "time_left")
    actions = ("build", "build_and_activate", "activate", "activate_anyway", "remove")
    change_list_template = "admin/search/modelversion/change_list.html"

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def status(self, version: ModelVersion) -> str:
        is_built = version.state == ModelVersion.State.BUILDING and _progress(version).coverage.is_complete
        state = _("built") if is_built else state_word(version)
        return _("%(state)s, then active") % {"state": state} if version.activates_itself else state

    @admin.display(description=gettext_lazy("vectors"))
    def with_vectors(self, version: ModelVersion) -> SafeString:
        coverage = _progress(version).coverage
        numbers = _("%(done)s of %(total)s") % {
            "done": grouped(coverage.embedded),
            "total": grouped(coverage.pictures),
        }
        if coverage.given_up:
            failed = {"numbers": numbers, "failed": grouped(coverage.given_up)}
            numbers = _("%(numbers)s; %(failed)s failed") % failed
        return format_html(
            '<progress max="{}" value="{}" aria-hidden="true"></progress><br>{}',
            max(1, coverage.pictures),
            coverage.embedded,
            numbers,
        )

    @admin.display(description=gettext_lazy("time left"))
    def time_left(self, version: ModelVersion) -> str:
        return _progress(version).time_left if version.state == ModelVersion.State.BUILDING else ""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("search.add_modelversion")

    def get_form(
        self, request: HttpRequest, obj: ModelVersion | None = None, change: bool = False, **options: Any
    ) -> Any:
        return super().get_form(request, obj, change, **options) if obj else AddForm

    def get_fields(self, request: HttpRequest, obj: ModelVersion | None = None) -> Any:
        return super().get_fields(request, obj) if obj else ["name"]

    def get_readonly_fields(self, request: HttpRequest, obj: ModelVersion | None = None) -> Any:
        return super().get_readonly_fields(request, obj) if obj else ()

    def save_model(self, request: HttpRequest, obj: ModelVersion, form: Any, change: bool) -> None:
        """The form has registered it already."""
        _record(request, "add", obj)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """No field is changed by hand, but whoever might may build, activate and roll back."""
        return request.user.has_perm("search.change_modelversion")

    def has_remove_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("search.delete_modelversion")

    @admin.action(description=gettext_lazy("Build: embed every picture with it"), permissions=["operate"])
    def build(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        for version in queryset.order_by("pk"):
            with self._refusals_told(request):
                versions.model_version_build(version=version)
                _record(request, "build", version)
                self.message_user(
                    request, _("Version %(version)s is being built.") % {"version": version.key}, messages.SUCCESS
                )

    @admin.action(description=gettext_lazy("Build, then activate"), permissions=["operate"])
    def build_and_activate(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        with self._refusals_told(request):
            version = versions.model_version_build(version=_one_of(queryset), activates_itself=True)
            _record(request, "build", version)
            self.message_user(
                request,
                _("Version %(version)s is being built; then searches use it.") % {"version": version.key},
                messages.SUCCESS,
            )

    @admin.action(description=gettext_lazy("Activate: let searches use it"), permissions=["operate"])
    def activate(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        with self._refusals_told(request):
            version = versions.model_version_activate(version=_one_of(queryset))
            _record(request, "activate", version)
            self.message_user(request, _("Searches use %(version)s now.") % {"version": version.key}, messages.SUCCESS)

    @admin.action(description=gettext_lazy("Activate, even where pictures lack its vectors…"), permissions=["operate"])
    def activate_anyway(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> HttpResponse | None:
        with self._refusals_told(request):
            version = _one_of(queryset)
            if "confirmed" not in request.POST:
                sentences = [
                    _("Searches will use %(version)s from now on.") % {"version": version.key},
                    _what_is_missing(version) or _("Every picture has its vector."),
                ]
                return page_asking(
                    self,
                    request,
                    title=_("Activate it?"),
                    sentences=sentences,
                    fields={"action": "activate_anyway"},
                    selected=[version.pk],
                )
            versions.model_version_activate(version=version, force=True)
            _record(request, "activate", version)
            self.message_user(request, _("Searches use %(version)s now.") % {"version": version.key}, messages.SUCCESS)
        return None

    @admin.action(description=gettext_lazy("Remove it and its vectors…"), permissions=["remove"])
    def remove(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> HttpResponse | None:
        selected = list(queryset.order_by("pk"))
        if "confirmed" not in request.POST:
            refusals = [versions.why_not_removed(version) for version in selected]
            if any(refusals):
                self.message_user(request, " ".join(refusals), messages.ERROR)
                return None
            sentences = [_what_goes(version) for version in selected]
            return page_asking(
                self,
                request,
                title=_("Remove?"),
                sentences=sentences,
                fields={"action": "remove"},
                selected=[version.pk for version in selected],
            )
        for version in selected:
            with self._refusals_told(request):
                versions.model_version_remove(version=version)
                _record(request, "remove", version)
                self.message_user(
                    request,
                    _("Version %(version)s and its vectors are gone.") % {"version": version.key},
                    messages.SUCCESS,
                )
        return None

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.roll_back_view)
        return [path("roll-back/", view, name="search_modelversion_roll_back"), *super().get_urls()]

    def roll_back_view(self, request: HttpRequest) -> HttpResponse:
        """Asks, and then lets searches use the version again that they used before."""
        if not self.has_operate_permission(request):
            raise PermissionDenied
        previous = versions.previous_version()
        if previous is None or request.method == "POST":
            with self._refusals_told(request):
                # A button that is pressed twice must not lead forth again.
                if previous is not None and request.POST.get("to") != str(previous.pk):
                    raise VersionRefused(_("Somebody else was faster: look again where it would lead to now."))
                active = versions.model_version_roll_back()
                _record(request, "activate", active)
                self.message_user(
                    request, _("Searches use %(version)s again.") % {"version": active.key}, messages.SUCCESS
                )
            return redirect("admin:search_modelversion_changelist")
        sentences = [
            _("Searches will use %(version)s again, at once.") % {"version": previous.key},
            _what_is_missing(previous),
        ]
        return page_asking(self, request, title=_("Roll back?"), sentences=sentences, fields={"to": previous.pk})

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        can_roll_back = self.has_operate_permission(request) and versions.previous_version() is not None
        return super().changelist_view(request, {**(extra_context or {}), "can_roll_back": can_roll_back})

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With how far all versions are, read at once. How fast is told only of those that are being built."""
        listed = super().get_changelist_instance(request)
        coverages = selectors.coverages()
        for version in listed.result_list:
            known = coverages.get(version.pk)
            if known is None or version.state == ModelVersion.State.BUILDING:
                version.shown_progress = progress_of(version, known)
            else:
                version.shown_progress = Progress(known)
        return listed

    @contextmanager
    def _refusals_told(self, request: HttpRequest) -> Iterator[None]:
        try:
            yield
        except (SearchError, ModelError) as error:
            self.message_user(request, str(error), messages.ERROR)


def _what_goes(version: ModelVersion) -> str:
    embedded = _progress(version).coverage.embedded
    told = ngettext(
        "Version %(version)s goes, with %(number)s vector. To have it again, every picture must be embedded again.",
        "Version %(version)s goes, with %(number)s vectors. To have it again, every picture must be embedded again.",
        embedded,
    )
    return told % {"version": version.key, "number": grouped(embedded)}


def _record(request: HttpRequest, verb: str, version: ModelVersion) -> None:
    audit.record(cast(User, request.user), f"model.{verb}", version.key)


def _progress(version: Any) -> Progress:
    """Read once for all the columns of a row."""
    if not hasattr(version, "shown_progress"):
        version.shown_progress = progress_of(version)
    shown: Progress = version.shown_progress
    return shown


def _one_of(queryset: QuerySet[ModelVersion]) -> ModelVersion:
    selected = list(queryset[:2])
    if len(selected) != 1:
        raise VersionRefused(_("Searches use one version at a time: select one."))
    return selected[0]


def _what_is_missing(version: ModelVersion) -> str:
    coverage = _progress(version).coverage
    missing = coverage.pictures - coverage.embedded
    if not missing:
        return ""
    numbers = {"missing": grouped(missing), "pictures": grouped(coverage.pictures)}
    return (
        _("%(missing)s of %(pictures)s pictures have no vector of it: no search finds them until they have.") % numbers
    )


@admin.register(IndexCursor)
class IndexCursorAdmin(ReadOnlyAdmin):
    """How far the index on a server is; empty without one."""

    list_display = ("model_version", "location", "seq", "checked_at", "held_by", "held_until")
    list_select_related = ("model_version",)
    ordering = ("-pk",)


@admin.register(Embedding, CaptionEmbedding)
class EmbeddingAdmin(ThumbnailMixin, ReadOnlyAdmin):
    """Without `image` among the columns: a tombstone's picture no longer exists, and a join would hide the row."""

    list_display = ("thumbnail", "picture", "model_version", "seq", "is_tombstone", "updated_at")
    list_display_links = ("thumbnail", "picture")
    list_filter = ("model_version", "updated_at")
    list_select_related = ("model_version",)
    search_fields = ("image__file_name", "image__uuid")
    ordering = ("-pk",)
    fields = readonly_fields = ("thumbnail", "picture", "model_version", "seq", "is_tombstone", "updated_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Embedding]:
        queryset: QuerySet[Embedding] = super().get_queryset(request)
        names = Image.with_trash.filter(pk=OuterRef("image_id")).values("file_name")
        return queryset.defer("vector").annotate(has_vector=Q(vector__isnull=False), file_name=Subquery(names))

    @admin.display(description=gettext_lazy("file name"), ordering="file_name")
    def picture(self, embedding: Any) -> str:
        return embedding.file_name or ""

    @admin.display(description=gettext_lazy("deleted"), boolean=True)
    def is_tombstone(self, embedding: Any) -> bool:
        return not embedding.has_vector


@admin.register(Judgement)
class JudgementAdmin(ThumbnailMixin, ReadOnlyAdmin):
    """What people said of what their searches found."""

    list_display = ("thumbnail", "text", "is_right", "owner", "created_at")
    list_display_links = ("thumbnail", "text")
    list_filter = ("is_right", "created_at")
    list_select_related = ("owner",)
    search_fields = ("text", "owner__username", "image__file_name", "image__uuid")
    ordering = ("-pk",)
    fields = readonly_fields = ("thumbnail", "image", "text", "is_right", "owner", "created_at")
