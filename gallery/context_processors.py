"""What every page may show."""

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, object]:
    """Whether strangers may make an account."""
    return {"sign_up_open": settings.SIGN_UP == "open"}
