"""A new password for somebody who forgot theirs, where the site sends no mail."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from gallery.accounts import password_link
from gallery.models import User


class Command(BaseCommand):
    help = "Prints a link by which somebody sets a new password. It holds once, for a day: pass it on to them alone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="the user name")
        parser.add_argument("--site", help="how browsers call the site, such as https://gallery.example.com")

    def handle(self, *args: Any, user: str, site: str | None, **options: Any) -> None:
        person = User.objects.filter(username=user, is_active=True).first()
        if person is None:
            raise CommandError(f"There is nobody called {user} who may sign in.")
        self.stdout.write((site or _address()).rstrip("/") + password_link(user=person, by=None))


def _address() -> str:
    """As MMSITE_SITE_URL, or MMSITE_HOSTS and MMSITE_HTTPS have it, else where web listens."""
    if settings.SITE_URL:
        return str(settings.SITE_URL)
    host = settings.ALLOWED_HOSTS[0]
    is_public = settings.HTTPS and not host.startswith((".", "*"))
    return f"https://{host}" if is_public else f"http://{settings.WEB_ADDRESS}"
