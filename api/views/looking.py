"""What the models say of texts and pictures that nobody keeps."""

import base64
from typing import Any, ClassVar

import numpy as np
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import ApiView
from api.busy import NoModel, model_turn
from api.fields import read_body
from api.sent import sent_picture
from api.serializers.captions import (
    DescriptionSerializer,
    PictureSerializer,
    PictureToEmbedSerializer,
    TextsSerializer,
    VectorsSerializer,
)
from captioning import engine as captioning_engine
from captioning.selectors import picture_describe
from ml.interfaces import Embeddings
from search import engine as search_engine
from search.models import ModelVersion


class _Looks(ApiView):
    """Takes more than a usual request, and changes nothing."""

    scopes: ClassVar[dict[str, str]] = {"post": "read"}
    throttle_scope: ClassVar[str] = "caption"


class Describe(_Looks):
    """A caption of a picture that is not kept."""

    parser_classes = (MultiPartParser,)

    @extend_schema(operation_id="caption", request=PictureSerializer, responses=DescriptionSerializer)
    def post(self, request: Request) -> Response:
        """What the captioner says of a picture that you send; it is kept nowhere."""
        sent = read_body(request, PictureSerializer)
        with model_turn():
            said = picture_describe(picture=sent_picture(sent["picture"]))
            model = captioning_engine.get_captioner().info.key
        return Response(
            {"caption": said.text, "confidence": float(said.confidence), "unsure": bool(said.unsure), "model": model}
        )


class EmbedTexts(_Looks):
    """The vectors of texts."""

    @extend_schema(operation_id="embed_texts", request=TextsSerializer, responses=VectorsSerializer)
    def post(self, request: Request) -> Response:
        """The vectors of texts, in their order, by the model that searches use."""
        wish = read_body(request, TextsSerializer)
        with model_turn():
            version = _active()
            vectors = search_engine.encode_texts(wish["texts"], version=version)
        return Response(_vectors(version, vectors, wish["encoding"]))


class EmbedPicture(_Looks):
    """The vector of a picture that is not kept."""

    parser_classes = (MultiPartParser,)

    @extend_schema(operation_id="embed_picture", request=PictureToEmbedSerializer, responses=VectorsSerializer)
    def post(self, request: Request) -> Response:
        """The vector of a picture that you send, by the model that searches use; it is kept nowhere."""
        wish = read_body(request, PictureToEmbedSerializer)
        with model_turn():
            version = _active()
            vectors = search_engine.encode_pictures([sent_picture(wish["picture"])], version=version)
        return Response(_vectors(version, vectors, wish["encoding"]))


def _active() -> ModelVersion:
    version = ModelVersion.objects.filter(state=ModelVersion.State.ACTIVE).first()
    if version is None:
        raise NoModel("Search has no model yet: the worker sets it up when it starts.")
    return version


def _vectors(version: ModelVersion, vectors: Embeddings, encoding: str) -> dict[str, Any]:
    rows = np.ascontiguousarray(vectors, dtype="<f4")
    is_packed = encoding == "base64"
    return {
        "model": version.key,
        "version": version.pk,
        "dimension": version.dimension,
        "encoding": encoding,
        "vectors": [] if is_packed else rows.tolist(),
        "base64": base64.b64encode(rows.tobytes()).decode() if is_packed else None,
    }
