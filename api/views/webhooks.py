"""One's own webhooks."""

from typing import ClassVar
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from api import pagination, webhooks
from api.base import ApiView, person_of
from api.etags import etag_of, if_match
from api.exceptions import Senseless, WebhookRefused
from api.fields import PageQuery, read_body, read_query
from api.models_webhooks import Webhook
from api.schema import IF_MATCH, PageSchema
from api.serializers.webhooks import (
    DeliverySerializer,
    NewWebhookSerializer,
    WebhookChangeSerializer,
    WebhookSerializer,
    WebhookWishSerializer,
)


class Webhooks(ApiView):
    """Addresses that are told of what happens to one's pictures."""

    @extend_schema(operation_id="webhooks_list", parameters=[PageQuery], responses=PageSchema.of(WebhookSerializer))
    def get(self, request: Request) -> Response:
        """Your webhooks, the newest first."""
        query = read_query(request, PageQuery)
        return pagination.page(
            request,
            webhooks.webhooks_of(person_of(request)),
            size=query["limit"],
            represent=lambda rows: WebhookSerializer(rows, many=True).data,
        )

    @extend_schema(operation_id="webhooks_create", request=WebhookWishSerializer, responses={201: NewWebhookSerializer})
    def post(self, request: Request) -> Response:
        """Makes a webhook. The answer has its secret, which is not shown again."""
        wish = read_body(request, WebhookWishSerializer)
        try:
            made = webhooks.webhook_create(owner=person_of(request), **wish)
        except WebhookRefused as refusal:
            raise Senseless({refusal.field: [str(refusal)]}) from refusal
        data = {**WebhookSerializer(made.webhook).data, "secret": made.secret}
        return Response(data, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


class OneWebhook(ApiView):
    """One of one's own webhooks."""

    @extend_schema(operation_id="webhooks_retrieve", responses=WebhookSerializer)
    def get(self, request: Request, uuid: UUID) -> Response:
        """A webhook of yours."""
        return _answer(_own(request, uuid))

    @extend_schema(
        operation_id="webhooks_change",
        parameters=[IF_MATCH],
        request=WebhookChangeSerializer,
        responses=WebhookSerializer,
    )
    def patch(self, request: Request, uuid: UUID) -> Response:
        """Changes a webhook of yours, pauses it, or lets it go on."""
        webhook = _own(request, uuid)
        change = read_body(request, WebhookChangeSerializer)
        try:
            with if_match(request, webhook, lambda: _represent(_own(request, uuid))):
                webhooks.webhook_change(webhook=webhook, **change)
        except WebhookRefused as refusal:
            raise Senseless({refusal.field: [str(refusal)]}) from refusal
        return _answer(webhook)

    @extend_schema(operation_id="webhooks_delete", parameters=[IF_MATCH], responses={204: None})
    def delete(self, request: Request, uuid: UUID) -> Response:
        """Deletes a webhook of yours, with what it was told and would have been told."""
        webhook = _own(request, uuid)
        with if_match(request, webhook, lambda: _represent(_own(request, uuid))):
            webhooks.webhook_delete(webhook=webhook, actor=person_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class Ping(ApiView):
    """Trying a webhook."""

    throttle_scope: ClassVar[str] = "caption"

    @extend_schema(operation_id="webhooks_ping", request=None, responses={202: DeliverySerializer})
    def post(self, request: Request, uuid: UUID) -> Response:
        """Has the worker send your webhook an event `ping`. What became of it stands among its deliveries."""
        delivery = webhooks.webhook_ping(webhook=_own(request, uuid))
        return Response(DeliverySerializer(delivery).data, status=status.HTTP_202_ACCEPTED)


class Deliveries(ApiView):
    """What one's webhook was told."""

    @extend_schema(
        operation_id="webhooks_deliveries", parameters=[PageQuery], responses=PageSchema.of(DeliverySerializer)
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        """What a webhook of yours was and is to be told in the last 30 days, the newest first."""
        query = read_query(request, PageQuery)
        return pagination.page(
            request,
            webhooks.deliveries_of(_own(request, uuid)),
            size=query["limit"],
            represent=lambda rows: DeliverySerializer(rows, many=True).data,
        )


class Redeliver(ApiView):
    """Telling one's webhook once more."""

    throttle_scope: ClassVar[str] = "caption"

    @extend_schema(operation_id="webhooks_redeliver", request=None, responses={202: DeliverySerializer})
    def post(self, request: Request, uuid: UUID, delivery: UUID) -> Response:
        """Sends a delivery again, with all its attempts, whatever became of it."""
        found = webhooks.deliveries_of(_own(request, uuid)).filter(uuid=delivery).first()
        if found is None:
            raise Http404
        again = webhooks.delivery_again(delivery=found)
        return Response(DeliverySerializer(again).data, status=status.HTTP_202_ACCEPTED)


def _own(request: Request, uuid: UUID) -> Webhook:
    webhook = webhooks.webhooks_of(person_of(request)).filter(uuid=uuid).first()
    if webhook is None:
        raise Http404
    return webhook


def _represent(webhook: Webhook) -> dict[str, object]:
    return dict(WebhookSerializer(webhook).data)


def _answer(webhook: Webhook) -> Response:
    data = _represent(webhook)
    return Response(data, headers={"ETag": etag_of(data)})
