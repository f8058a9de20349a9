"""A link that has ended, for whatever reason, looks like one that never was; also to who knows it still from before."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone

from gallery.albums_deleted import album_delete
from gallery.links import link_revoke
from gallery.models import Album, AlbumLink, User
from tests.access.addresses import routes
from tests.access.asking import ask
from tests.access.pictures import Subject, nothing
from tests.access.table import LINKS
from tests.access.world import World


def _link(subject: Subject) -> AlbumLink:
    return AlbumLink.objects.get(pk=subject.link)


def _revoke(subject: Subject, owner: User) -> None:
    link_revoke(link=_link(subject), by=owner)


def _expire(subject: Subject, owner: User) -> None:
    AlbumLink.objects.filter(pk=subject.link).update(expires_at=timezone.now() - timedelta(seconds=1))


def _delete_album(subject: Subject, owner: User) -> None:
    album_delete(album=Album.objects.get(uuid=subject.album_uuid), by=owner)


def _deactivate_owner(subject: Subject, owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(is_active=False)


def _deactivate_maker(subject: Subject, owner: User) -> None:
    AlbumLink.objects.filter(pk=subject.link).update(created_by=User.objects.get(username="deactivated"))


END = [_revoke, _expire, _delete_album, _deactivate_owner, _deactivate_maker]


@pytest.mark.parametrize("kind", ["anonymous", "other", "guest", "superuser"])
@pytest.mark.parametrize("end", END)
def test_a_link_that_ended(world: World, kind: str, end: Callable[[Subject, User], None]) -> None:
    subject, absent, person, known = world.subjects["private"], nothing(), world.people[kind], routes()
    owner = world.people["owner"].user
    assert owner
    with transaction.atomic():
        end(subject, owner)
        for asked in LINKS:
            ended, never = (ask(person, asked.method, known[asked.route].address(each)) for each in (subject, absent))
            assert ended.status == 404, asked
            assert ended.about(subject) == never.about(absent), asked
            assert ended.statements == never.statements, asked
        transaction.set_rollback(True)


@pytest.mark.parametrize("kind", ["anonymous", "other", "guest", "superuser"])
def test_a_password_keeps_all_of_it(world: World, kind: str) -> None:
    """Whoever has the address is asked for the password, and hears nothing but the album's title."""
    subject, person, known = world.subjects["private"], world.people[kind], routes()
    absent = replace(nothing(), key=subject.key)
    with transaction.atomic():
        AlbumLink.objects.filter(pk=subject.link).update(password=make_password("open sesame"))
        for asked in LINKS:
            given, never = (ask(person, asked.method, known[asked.route].address(each)) for each in (subject, absent))
            assert given.about(subject) == never.about(absent), asked
            assert world.told(given, subject) - {"key", "uuid"} <= {"album"}, asked
        transaction.set_rollback(True)


def test_a_pictures_own_link_ends_with_its_owner(world: World) -> None:
    subject, absent = world.subjects["shared"], nothing()
    former, anonymous = world.people["former"], world.people["anonymous"]
    image = routes()["image"]
    assert ask(anonymous, "get", image.address(subject)).status == 200
    with transaction.atomic():
        User.objects.filter(username="owner").update(is_active=False)
        for person in (former, anonymous):
            ended, never = (ask(person, "get", image.address(each)) for each in (subject, absent))
            assert ended.about(subject) == never.about(absent)
        assert not world.told(ask(former, "get", "/search/?q=is:favourite"), subject)
        transaction.set_rollback(True)
