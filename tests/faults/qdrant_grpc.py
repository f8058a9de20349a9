"""The gRPC interface of Qdrant before the client's in-memory mode: what `search.backends.qdrant` uses of it.

It stands in for Qdrant's own binary, as `qdrant_server` does for the REST interface. The client's own converters
translate, in the other direction than it uses them.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from qdrant_client import grpc as wire
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc
from qdrant_client.http import models

from tests.faults.local_qdrant import LocalQdrant

NO_FAILURE = (grpc.StatusCode.OK, "", ())


class QdrantGrpcServer:
    """Listens on a port of its own, from the start of the `with` block to its end.

    `failure`: status, details and trailing metadata of every answer, in the place of what was asked for. `api_key`: the
    only one that is let in.
    """

    def __init__(self, *, api_key: str) -> None:
        self.local = LocalQdrant()
        self.failure: tuple[grpc.StatusCode, str, tuple[tuple[str, str], ...]] = NO_FAILURE
        self._api_key = api_key
        self._server = grpc.server(ThreadPoolExecutor(4))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        wire.add_PointsServicer_to_server(_servicer(wire.PointsServicer, POINTS, self), self._server)
        wire.add_CollectionsServicer_to_server(_servicer(wire.CollectionsServicer, COLLECTIONS, self), self._server)

    def __enter__(self) -> "QdrantGrpcServer":
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(grace=None).wait()

    def answer(self, do: Callable[[LocalQdrant, Any], Any], request: Any, context: grpc.ServicerContext) -> Any:
        """What one call returns."""
        if ("api-key", self._api_key) not in context.invocation_metadata():
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "Must provide an API key")
        code, details, metadata = self.failure
        if code != grpc.StatusCode.OK:
            context.set_trailing_metadata(metadata)
            context.abort(code, details)
        try:
            return do(self.local, request)
        except ValueError as error:  # what the in-memory mode raises for all that a server refuses
            code = grpc.StatusCode.NOT_FOUND if "not found" in str(error) else grpc.StatusCode.INVALID_ARGUMENT
            context.abort(code, str(error))


def _servicer(base: type, methods: dict[str, Callable[[LocalQdrant, Any], Any]], server: QdrantGrpcServer) -> Any:
    def method(do: Callable[[LocalQdrant, Any], Any]) -> Any:
        return lambda self, request, context: server.answer(do, request, context)

    return type(base.__name__, (base,), {name: method(do) for name, do in methods.items()})()


def _updated(result: models.UpdateResult) -> wire.PointsOperationResponse:
    return wire.PointsOperationResponse(result=RestToGrpc.convert_update_result(result))


def _upsert(local: LocalQdrant, request: Any) -> Any:
    return _updated(local.upsert(request.collection_name, [*map(GrpcToRest.convert_point_struct, request.points)]))


def _delete(local: LocalQdrant, request: Any) -> Any:
    return _updated(local.delete(request.collection_name, GrpcToRest.convert_points_selector(request.points)))


def _query(local: LocalQdrant, request: Any) -> Any:
    asked = GrpcToRest.convert_query_points(request)
    found = local.query_points(
        request.collection_name,
        query=asked.query,
        query_filter=asked.filter,
        search_params=asked.params,
        limit=asked.limit,
        with_payload=asked.with_payload,
    )
    return wire.QueryResponse(result=map(RestToGrpc.convert_scored_point, found.points))


def _scroll(local: LocalQdrant, request: Any) -> Any:
    start = GrpcToRest.convert_point_id(request.offset)
    records, following = local.scroll(request.collection_name, limit=request.limit, offset=start, with_vectors=True)
    return wire.ScrollResponse(
        result=map(RestToGrpc.convert_record, records),
        next_page_offset=None if following is None else RestToGrpc.convert_extended_point_id(following),
    )


def _count(local: LocalQdrant, request: Any) -> Any:
    return wire.CountResponse(result=wire.CountResult(count=local.count(request.collection_name).count))


def _index_field(local: LocalQdrant, request: Any) -> Any:
    schema = GrpcToRest.convert_payload_schema_params(request.field_index_params)
    return _updated(local.create_payload_index(request.collection_name, request.field_name, schema))


def _exists(local: LocalQdrant, request: Any) -> Any:
    exists = local.collection_exists(request.collection_name)
    return wire.CollectionExistsResponse(result=wire.CollectionExists(exists=exists))


def _layout(request: Any, quantization: Callable[[Any], Any]) -> dict[str, Any]:
    is_given, hnsw = request.HasField, GrpcToRest.convert_hnsw_config_diff
    return {
        "hnsw_config": hnsw(request.hnsw_config) if is_given("hnsw_config") else None,
        "quantization_config": quantization(request.quantization_config) if is_given("quantization_config") else None,
    }


def _create(local: LocalQdrant, request: Any) -> Any:
    vectors = GrpcToRest.convert_vectors_config(request.vectors_config)
    layout = _layout(request, GrpcToRest.convert_quantization_config)
    made = local.create_collection(request.collection_name, vectors_config=vectors, **layout)
    return wire.CollectionOperationResponse(result=made)


def _update(local: LocalQdrant, request: Any) -> Any:
    vectors = GrpcToRest.convert_vectors_config_diff(request.vectors_config)
    layout = _layout(request, GrpcToRest.convert_quantization_config_diff)
    return wire.CollectionOperationResponse(
        result=local.update_collection(request.collection_name, vectors_config=vectors, **layout)
    )


def _get(local: LocalQdrant, request: Any) -> Any:
    info = local.get_collection(request.collection_name)
    return wire.GetCollectionInfoResponse(result=RestToGrpc.convert_collection_info(info))


def _drop(local: LocalQdrant, request: Any) -> Any:
    return wire.CollectionOperationResponse(result=local.delete_collection(request.collection_name))


def _move_aliases(local: LocalQdrant, request: Any) -> Any:
    moves = [*map(GrpcToRest.convert_alias_operations, request.actions)]
    return wire.CollectionOperationResponse(result=local.update_collection_aliases(moves))


POINTS = {
    "Upsert": _upsert,
    "Delete": _delete,
    "Query": _query,
    "Scroll": _scroll,
    "Count": _count,
    "CreateFieldIndex": _index_field,
}
COLLECTIONS = {
    "CollectionExists": _exists,
    "Create": _create,
    "Update": _update,
    "Get": _get,
    "Delete": _drop,
    "UpdateAliases": _move_aliases,
}
