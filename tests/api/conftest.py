"""What the tests of the API share."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client
from PIL import Image as PILImage

from api import throttles
from api.models import Token
from api.tokens import token_create
from api.webhooks import webhook_create, webhook_ping
from captioning.models import Caption
from captioning.services import captions_write
from gallery import services
from gallery.albums import album_add, album_create
from gallery.links import link_create
from gallery.models import Image, User
from gallery.sharing import member_add
from gallery.tags import images_tag
from gallery.trash import images_trash
from search import engine, index
from search import services as search_services
from search.golden import judgement_set
from search.saved import search_save
from search.versions import model_version_ensure

Call = Callable[..., Any]


@pytest.fixture(autouse=True)
def _fresh_counts() -> None:
    """No test pays for the requests of another."""
    cache.clear()
    throttles.count_again()


@pytest.fixture(autouse=True)
def _no_rates(settings: Any) -> None:
    settings.API_RATES = dict.fromkeys(settings.API_RATES)


@pytest.fixture
def secret_of() -> Callable[..., str]:
    """Makes a token: `secret_of(user, "read", "write")`; with every scope of theirs unless told."""

    def make(owner: User, *scopes: str, **options: Any) -> str:
        wanted = scopes or [scope for scope in Token.Scope.values if scope != "admin" or owner.is_staff]
        return token_create(owner=owner, name="test", scopes=wanted, **options).secret

    return make


class Api:
    """Calls the API with a token, or as nobody."""

    def __init__(self, secret: str | None) -> None:
        self.client = Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {secret}"} if secret else {}

    def __call__(self, method: str, path: str, data: Any = None, **options: Any) -> Any:
        headers = {**self.headers, **options.pop("headers", {})}
        content_type = options.pop("content_type", "application/json")
        given = {"data": "" if data is None else data, "content_type": content_type}  # without data: no body
        if method in ("get", "head"):
            given = {} if data is None else {"query_params": data}
        return getattr(self.client, method)(f"/api/v1/{path}", headers=headers, **given, **options)

    def get(self, path: str, **options: Any) -> Any:
        return self("get", path, **options)

    def post(self, path: str, data: Any = None, **options: Any) -> Any:
        return self("post", path, data, **options)

    def patch(self, path: str, data: Any = None, **options: Any) -> Any:
        return self("patch", path, data, **options)

    def put(self, path: str, data: Any = None, **options: Any) -> Any:
        return self("put", path, data, **options)

    def delete(self, path: str, **options: Any) -> Any:
        return self("delete", path, **options)


@pytest.fixture
def nobody() -> Api:
    return Api(None)


@pytest.fixture
def api(user: User, secret_of: Callable[..., str]) -> Api:
    """`user` by a token with every scope of theirs."""
    return Api(secret_of(user))


@pytest.fixture
def others_api(other_user: User, secret_of: Callable[..., str]) -> Api:
    return Api(secret_of(other_user))


@pytest.fixture
def staff(db: None) -> User:
    """Who runs the place, with all permissions that there are."""
    person = User.objects.create_user("root", password="runs the place", is_staff=True)
    person.user_permissions.set(Permission.objects.all())
    return person


@pytest.fixture
def staff_api(staff: User, secret_of: Callable[..., str]) -> Api:
    return Api(secret_of(staff))


@pytest.fixture(autouse=True)
def _fresh_index() -> Iterator[None]:
    index.reset()
    engine.forget_queries()
    yield
    index.reset()


@pytest.fixture
def ready(make_image: Callable[..., Image], db: None) -> Callable[..., Image]:
    """A picture of one colour, with all that the worker adds: `ready("red")`."""

    def make(color: str = "red", **options: Any) -> Image:
        version = model_version_ensure()
        image, pixels = make_image(color, **options), PILImage.new("RGB", (64, 48), color)
        services.renditions_create(image=image, picture=pixels)
        captions_write(image_ids=[image.pk], pictures=[pixels])
        search_services.embeddings_write(version=version, image_ids=[image.pk], pictures=[pixels])
        image.refresh_from_db()
        return image

    return make


@pytest.fixture
def world(ready: Any, make_image: Any) -> dict[str, Any]:
    """Somebody who may everything and has something of each kind, with captions and vectors by an active model."""
    person = User.objects.create_user("fuzz", password="says anything", is_staff=True)
    person.user_permissions.set(Permission.objects.all())
    User.objects.create_user("mary")
    images = [ready((60 * number, 0, 0), owner=person) for number in range(3)]
    trashed = make_image("blue", owner=person)
    mine = Image.objects.filter(owner=person)
    images_tag(owner=person, images=mine, names=["sea", "boat"])
    album = album_create(owner=person, title="Iceland")
    album_add(album=album, images=mine)
    member_add(album=album, by=person, username="mary", role="view")
    images_trash(images=[trashed], by=person)
    webhook = webhook_create(owner=person, url="https://example.com/hook", events=["image.ready"]).webhook
    return {
        "secret": token_create(owner=person, name="fuzz", scopes=Token.Scope.values).secret,
        "images": {
            "uuid": [str(image.uuid) for image in [*images, trashed]],
            "id": list(Caption.objects.filter(image=images[0]).values_list("pk", flat=True)),
        },
        "albums": {
            "uuid": [str(album.uuid)],
            "id": [link_create(album=album, by=person).pk],
            "username": ["mary"],
        },
        "tags": {"id": list(person.tags.values_list("pk", flat=True))},
        "webhooks": {"uuid": [str(webhook.uuid)], "delivery": [str(webhook_ping(webhook=webhook).uuid)]},
        "judgements": {"id": [judgement_set(owner=person, query="sea", image=images[0], is_right=True).pk]},
        "searches": {"id": [search_save(owner=person, text="sea", name="").pk]},
    }
