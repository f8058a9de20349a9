"""What people see while the store of pictures doesn't answer."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from gallery import services
from gallery.models import Image
from gallery.storage import DurableFileSystemStorage, StoreUnavailable


def test_a_page_says_so(client: Client, make_image: Any, user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    image: Image = make_image("red")
    services.image_set_visibility(image=image, visibility="public")

    def fail(*_: object) -> None:
        raise StoreUnavailable("connection refused at 10.0.0.7")

    monkeypatch.setattr(DurableFileSystemStorage, "_open", fail)
    client.force_login(user)
    answer = client.get(reverse("original", args=[image.uuid]))
    assert answer.status_code == 503
    assert "doesn&#x27;t answer" in answer.content.decode()
    assert "10.0.0.7" not in answer.content.decode()
