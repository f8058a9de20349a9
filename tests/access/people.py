"""The kinds of people that there are, each with the session of a browser and with a token."""

from dataclasses import dataclass

from django.contrib.auth.models import Permission
from django.test import Client

from api.models import Token
from api.tokens import token_create
from gallery.models import User

# `guest` sees the albums of the pictures, `former` saw them once; `powerless` is staff without any permission, `staff`
# has all those of the models, and the session and token of `deactivated` are from before.
PEOPLE = ("anonymous", "owner", "other", "guest", "former", "powerless", "staff", "superuser", "deactivated")
LOOKING_AFTER = ("staff", "superuser")


@dataclass
class Person:
    """Somebody who asks. `user` is None for whoever has not signed in."""

    kind: str
    user: User | None
    session: str = ""
    secret: str = ""


def people() -> dict[str, Person]:
    made = {kind: person(kind) for kind in PEOPLE}
    staff = made["staff"].user
    assert staff
    staff.user_permissions.set(Permission.objects.all())
    return made


def person(kind: str) -> Person:
    """One of these, who is signed in; `deactivate` ends it for the last."""
    if kind == "anonymous":
        return Person(kind, None)
    user = User.objects.create_user(
        kind,
        password="knows it well",
        is_staff=kind in ("powerless", *LOOKING_AFTER),
        is_superuser=kind == "superuser",
    )
    client = Client()
    client.force_login(user)
    scopes = [scope for scope in Token.Scope.values if scope != "admin" or user.is_staff]
    secret = token_create(owner=user, name="program", scopes=scopes).secret
    return Person(kind, user, client.session.session_key or "", secret)
