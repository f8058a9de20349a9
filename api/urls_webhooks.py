"""Addresses of webhooks: those of the API, and the page on which people look after them."""

from django.urls import path

from api.views import webhook_pages, webhooks

api = [
    path("webhooks/", webhooks.Webhooks.as_view(), name="webhooks"),
    path("webhooks/<uuid:uuid>/", webhooks.OneWebhook.as_view(), name="webhook"),
    path("webhooks/<uuid:uuid>/ping/", webhooks.Ping.as_view(), name="webhook-ping"),
    path("webhooks/<uuid:uuid>/deliveries/", webhooks.Deliveries.as_view(), name="webhook-deliveries"),
    path(
        "webhooks/<uuid:uuid>/deliveries/<uuid:delivery>/redeliver/",
        webhooks.Redeliver.as_view(),
        name="webhook-redeliver",
    ),
]

urlpatterns = [
    path("", webhook_pages.webhooks, name="webhooks"),
    path("new/", webhook_pages.webhook_create, name="webhook-create"),
    path("change/", webhook_pages.webhook_change, name="webhook-change"),
]
