"""The models, what searches by them are worth, and searches that people keep."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from api import pagination
from api.base import ApiView, person_of
from api.busy import model_turn
from api.exceptions import Conflict, Unprocessable
from api.fields import PageQuery, read_body, read_query
from api.schema import PageSchema
from api.serializers.models import (
    ActivateSerializer,
    EvaluationSerializer,
    JudgementQuery,
    JudgementSerializer,
    JudgementWishSerializer,
    ModelsSerializer,
    SavedSearchSerializer,
    SavedSearchWishSerializer,
    VersionSerializer,
)
from captioning.describers import labels
from gallery import audit
from gallery.models import Image, User
from ml.evaluation.bootstrap import Difference, Interval
from reading import engine as reading_engine
from search import selectors, versions
from search.exceptions import JudgementRefused, SearchNotSaved, VersionRefused, VersionUnknown
from search.golden import judgement_set, judgements_that_count
from search.models import ModelVersion, SavedSearch
from search.query.evaluate import MOST_QUERIES, Evaluation, evaluate, golden_queries, versions_to_evaluate
from search.saved import search_delete, search_save


class Models(ApiView):
    """What looks at pictures here."""

    @extend_schema(operation_id="models_list", responses=ModelsSerializer)
    def get(self, request: Request) -> Response:
        """Captioner, reader and encoders, how far each encoder is, and which one searches use."""
        coverages, person = selectors.coverages(), person_of(request)
        found = ModelVersion.objects.order_by("pk")
        encoders = [_version(version, coverages[version.pk], person) for version in found if version.pk in coverages]
        reader = settings.TEXT_READER if reading_engine.is_on() else None
        captioner, *others = labels()
        return Response({"captioner": captioner, "other_captioners": others, "reader": reader, "encoders": encoders})


class Activate(ApiView):
    """Switching from one model version to another."""

    scopes: ClassVar[dict[str, str]] = {"post": "admin"}
    staff_may: ClassVar[str] = "search.change_modelversion"

    @extend_schema(operation_id="models_activate", request=ActivateSerializer, responses=VersionSerializer)
    def post(self, request: Request) -> Response:
        """Searches use this version from now on; the one before keeps its vectors."""
        wish = read_body(request, ActivateSerializer)
        version = ModelVersion.objects.filter(pk=wish["version"]).first()
        if version is None:
            raise Http404
        return _switch(request, lambda: versions.model_version_activate(version=version, force=wish["force"]))


class RollBack(ApiView):
    """Going back to the model version before."""

    scopes: ClassVar[dict[str, str]] = {"post": "admin"}
    staff_may: ClassVar[str] = "search.change_modelversion"

    @extend_schema(operation_id="models_roll_back", request=None, responses=VersionSerializer)
    def post(self, request: Request) -> Response:
        """Searches use the version again that they used before."""
        return _switch(request, versions.model_version_roll_back)


class Judgements(ApiView):
    """What one says of pictures that searches found; queries with a right picture are golden."""

    @extend_schema(
        operation_id="judgements_list", parameters=[JudgementQuery], responses=PageSchema.of(JudgementSerializer)
    )
    def get(self, request: Request) -> Response:
        """Your judgements, the newest first, of pictures that you may still see."""
        query = read_query(request, JudgementQuery)
        judgements = judgements_that_count(person_of(request)).select_related("image")
        if "query" in query:
            judgements = judgements.filter(text=query["query"])
        return pagination.page(
            request,
            judgements,
            size=query["limit"],
            represent=lambda rows: JudgementSerializer(rows, many=True).data,
        )

    @extend_schema(
        operation_id="judgements_create", request=JudgementWishSerializer, responses={201: JudgementSerializer}
    )
    def post(self, request: Request) -> Response:
        """Says that a picture is right or wrong for a search; what you said of it before is replaced."""
        wish, owner = read_body(request, JudgementWishSerializer), person_of(request)
        image = Image.objects.listed_for(owner).filter(uuid=wish["image"]).first()
        if image is None:
            raise Http404
        try:
            judgement = judgement_set(owner=owner, query=wish["query"], image=image, is_right=wish["is_right"])
        except JudgementRefused as refusal:
            raise Unprocessable(str(refusal)) from refusal
        return Response(JudgementSerializer(judgement).data, status=status.HTTP_201_CREATED)


class OneJudgement(ApiView):
    """One of one's own judgements."""

    @extend_schema(operation_id="judgements_delete", responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Takes back what you said of a picture."""
        deleted, _ = person_of(request).judgements.filter(pk=pk).delete()
        if not deleted:
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)


class Scores(ApiView):
    """How well the models do on one's golden queries."""

    throttle_scope: ClassVar[str] = "caption"  # it takes as long

    @extend_schema(operation_id="judgements_scores", responses=EvaluationSerializer)
    def get(self, request: Request) -> Response:
        """Scores of the version that searches use on your golden queries; for superusers of all, on everybody's."""
        person = person_of(request)
        queries = golden_queries(owner=None if person.is_superuser else person)
        scored = queries[:MOST_QUERIES]
        found = versions_to_evaluate(scored)
        if not person.is_superuser:  # each other version would load its model, for anybody who asks
            found = [version for version in found if version.state == ModelVersion.State.ACTIVE]
        with model_turn():
            systems = [_system(each) for each in evaluate(scored, found)]
        return Response({"queries": len(queries), "scored": len(scored), "systems": systems})


class SavedSearches(ApiView):
    """Searches that one keeps."""

    @extend_schema(operation_id="searches_list", parameters=[PageQuery], responses=PageSchema.of(SavedSearchSerializer))
    def get(self, request: Request) -> Response:
        """The searches that you saved, the newest first."""
        query = read_query(request, PageQuery)
        return pagination.page(
            request,
            SavedSearch.objects.filter(owner=person_of(request), is_saved=True),
            size=query["limit"],
            represent=lambda rows: SavedSearchSerializer(rows, many=True).data,
        )

    @extend_schema(
        operation_id="searches_create", request=SavedSearchWishSerializer, responses={201: SavedSearchSerializer}
    )
    def post(self, request: Request) -> Response:
        """Keeps a search until you delete it; saved again, it takes the new name."""
        wish = read_body(request, SavedSearchWishSerializer)
        try:
            search = search_save(owner=person_of(request), text=wish["query"], name=wish["name"])
        except SearchNotSaved as refusal:
            raise Unprocessable(str(refusal)) from refusal
        return Response(SavedSearchSerializer(search).data, status=status.HTTP_201_CREATED)


class OneSavedSearch(ApiView):
    """One of one's own searches."""

    @extend_schema(operation_id="searches_delete", responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Deletes a search of yours."""
        if not search_delete(owner=person_of(request), pk=pk):
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)


def _switch(request: Request, switch: Any) -> Response:
    try:
        with model_turn():
            version = switch()
    except VersionRefused as refusal:
        raise Conflict(str(refusal)) from refusal
    except VersionUnknown as unknown:
        raise Http404 from unknown
    audit.record(person_of(request), "model.activate", version.key)
    return Response(_version(version, selectors.coverage(version=version), person_of(request)))


def _version(version: ModelVersion, coverage: selectors.Coverage, person: User) -> dict[str, Any]:
    """For people who don't run the place without numbers: they are everybody's pictures."""
    told = person.is_staff and person.has_perm("search.view_modelversion")
    data = {
        "id": version.pk,
        "key": version.key,
        "name": version.name if told else None,
        "state": version.state,
        "is_active": version.state == ModelVersion.State.ACTIVE,
        "activates_itself": version.activates_itself,
        "dimension": version.dimension,
        "share": round(min(1.0, coverage.embedded / max(1, coverage.pictures)), 2),
        "embedded": coverage.embedded if told else None,
        "failed": coverage.given_up if told else None,
        "pictures": coverage.pictures if told else None,
        "created_at": version.created_at,
        "activated_at": version.activated_at,
    }
    return dict(VersionSerializer(data).data)


def _system(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "version": evaluation.version.pk,
        "key": evaluation.version.key,
        "what": evaluation.what,
        "figures": _figures(evaluation.figures),
        "against_active": _figures(evaluation.against_active),
        "outcomes": [{"query": each.query.text, "ranks": list(each.ranks)} for each in evaluation.outcomes],
        "problem": evaluation.problem,
        "notes": evaluation.notes,
    }


def _figures(figures: Mapping[str, Interval] | Mapping[str, Difference]) -> list[dict[str, Any]]:
    return [
        {"name": name, "value": float(figure.value), "low": float(figure.low), "high": float(figure.high)}
        for name, figure in figures.items()
    ]
