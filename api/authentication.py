"""Who asks: a program by its token, or somebody who has signed in, by the session of their browser."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from api import problems
from api.models import Token
from api.tokens import token_find, token_used
from gallery.models import User

SCHEME = b"bearer"


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer mms_…`. First of the two: its challenge goes with a 401."""

    def authenticate(self, request: Request) -> tuple[User, Token] | None:
        """Raises AuthenticationFailed for a token that doesn't let in, whatever the reason."""
        scheme, _, secret = get_authorization_header(request).strip().partition(b" ")
        if scheme.lower() != SCHEME:
            return None
        try:
            token = token_find(secret=secret.strip().decode("ascii"))
        except UnicodeDecodeError:
            token = None
        if token is None:
            raise AuthenticationFailed("This token is unknown, revoked or expired.", code="token")
        token_used(token=token)
        return token.owner, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="mmsite"'


class BrowserAuthentication(SessionAuthentication):
    """The session of the site's own pages. Writes need X-CSRFToken."""

    def enforce_csrf(self, request: Any) -> None:
        try:
            super().enforce_csrf(request)
        except PermissionDenied:
            raise PermissionDenied(problems.CSRF, code="csrf") from None


class _BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "api.authentication.BearerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token from /account/tokens/: `mms_…`."}


class _BrowserScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "api.authentication.BrowserAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "Having signed in on the site. Writes need its X-CSRFToken as well.",
        }
