"""Every address that there is stands in the table, with every method that it takes."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import resolve

from tests.access.addresses import Route, routes
from tests.access.lists import API_DEEDS, DEEDS, LISTS
from tests.access.people import Person
from tests.access.table import ASKED
from tests.access.test_admin import ELSE, OF_MODEL
from tests.access.world import World

ROUTES = routes()
# Methods beside those that tell of something, which test_who_sees_what tries everywhere.
ANYWHERE = {"HEAD", "OPTIONS"}
# Django's forms take PUT for POST.
FORMS = {"password-change", "password-reset", "password-reset-confirm", "sign-in", "sign-up", "sign-up-invited"}
# By tus, of whose methods the uploads' owner alone has any: tests/gallery/test_uploads.py.
TUS = {"upload-in-pieces": {"PATCH"}, "uploads": set()}
# Answer whatever one asks by: there is nothing there.
ANY_METHOD = {"api:nothing", "api:front"}


def in_table() -> dict[str, set[str]]:
    """The methods by which each address is tried."""
    found: dict[str, set[str]] = {}
    told = [(asked.route, asked.method) for asked in ASKED]
    told += [(route, "get") for route in LISTS] + [(route, "post") for route in DEEDS] + list(API_DEEDS)
    for route, method in told:
        found.setdefault(route, set()).add(method.upper())
    return found


def of_admin() -> set[str]:
    names = {
        f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
        for model in admin.site._registry
        for page in OF_MODEL
    }
    return names | set(ELSE)


def test_every_address_is_in_the_table() -> None:
    nameless = {name for name, route in ROUTES.items() if not route.pattern.name}
    assert set(ROUTES) - nameless == set(in_table()) | of_admin()
    assert all(name.startswith("admin/") for name in nameless), "these lead on to those with names, or to 404"


@pytest.mark.parametrize("name", sorted(set(in_table()) - ANY_METHOD))
def test_with_every_method(world: World, name: str) -> None:
    taken = methods(ROUTES[name], world) - ANYWHERE - TUS.get(name, set()) - ({"PUT"} if name in FORMS else set())
    assert taken <= in_table()[name], name


def methods(route: Route, world: World) -> set[str]:
    """What an address says that it takes, to somebody who may all of it."""
    subject, owner = world.subjects["private"], world.people["owner"]
    address = route.address(subject)
    view: Any = resolve(address).func
    if hasattr(view, "view_class"):
        return {method.upper() for method in view.view_class.http_method_names if hasattr(view.view_class, method)}
    return _refused(owner, address)


def _refused(person: Person, address: str) -> set[str]:
    client = Client()
    assert person.user
    client.force_login(person.user)
    answer = client.generic("BREW", address)
    if answer.status_code != 405:  # it takes whatever comes
        return set()
    return set(answer["Allow"].replace(" ", "").split(","))
