"""Asking the admin, for its tests."""

from typing import Any

from django.test import Client
from django.urls import reverse


def address(model: Any, page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def act(client: Client, model: Any, action: str, *objects: Any, **more: str) -> Any:
    data = {"action": action, "_selected_action": [each.pk for each in objects], **more}
    return client.post(address(model, "changelist"), data, follow=True)
