"""What a caller may do at all. Which pictures it may be done to is gallery.permissions' and the querysets' matter."""

from typing import Any

from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from api.models import Token


class InScope(BasePermission):
    """A token needs the scope that the view names for the method; a session has all that its person may.

    Views say so in `scopes`, by method (else `read` for reads, `write` for writes), in `open_to_strangers` (whether
    reads need nobody to sign in), `staff_may` (for staff alone, with this permission) and `session_only`.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Raises NotAuthenticated or PermissionDenied, each with its reason."""
        method = request.method or ""
        token = request.auth if isinstance(request.auth, Token) else None
        if not request.user.is_authenticated:
            if view.open_to_strangers and method in SAFE_METHODS:
                return True
            raise NotAuthenticated("Sign in, or send a token: “Authorization: Bearer mms_…”.")
        if token is not None:
            if view.session_only:
                raise PermissionDenied("This can be done on the site alone, having signed in.", code="session_only")
            scope = scope_of(view, method)
            if scope not in token.scopes:
                raise PermissionDenied(f"The token lacks the scope “{scope}”.", code="scope")
        if view.staff_may and not (request.user.is_staff and request.user.has_perm(view.staff_may)):
            raise PermissionDenied("This is for those who run the site.", code="staff_only")
        return True


def scope_of(view: Any, method: str) -> str:
    """The scope that a token needs for this method of the view."""
    default = Token.Scope.READ if method in SAFE_METHODS else Token.Scope.WRITE
    return str(view.scopes.get(method.lower(), default))
