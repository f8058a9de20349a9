"""Mail that the site sends: one template each, whose first line is the subject."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import get_language

from gallery.tries import Bound, tries_take

logger = logging.getLogger(__name__)

# What is sent here keeps nobody waiting, so that an answer takes as long whether or not there was anything to send.
postman = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mail")


def mail_send(*, to: str, template: str, **context: Any) -> bool:
    """Sends `accounts/mail/<template>.txt`. False where the server didn't take it, which is logged."""
    subject, _, body = render_to_string(f"accounts/mail/{template}.txt", context).lstrip().partition("\n")
    try:
        EmailMessage(subject.strip(), body.lstrip(), to=[to]).send()
    except Exception:  # whatever a server or the way to it has in store: the page says that it didn't work
        logger.exception("Could not send the mail %r", template)
        return False
    return True


def mail_send_later(*, to: str, template: str, **context: Any) -> None:
    """As `mail_send`, without waiting for it."""
    postman.submit(_send_in, get_language(), to=to, template=template, **context)


def _send_in(language: str, **mail: Any) -> None:
    """The thread of the postman speaks no language of its own."""
    with translation.override(language):
        mail_send(**mail)


def is_too_often(kind: str, whom: str, *, most: int, seconds: int) -> bool:
    """Counts a mail of this kind, to this address or person; True where there were more than `most` in `seconds`."""
    return tries_take([Bound(f"mail {kind} {whom.casefold()}", most, seconds)]) > 0


def sends_mail() -> bool:
    """Whether there is a server to send it, and a name for the site to use in it."""
    return bool(settings.SENDS_MAIL and knows_its_name())


def knows_its_name() -> bool:
    """Whether links in mail lead here, whoever asked for the mail: where any name is taken, the one in a request may be
    a stranger's, who would be sent the visitors of those links."""
    return bool(settings.SITE_URL) or "*" not in settings.ALLOWED_HOSTS


def site_url(request: HttpRequest) -> str:
    """Where the site is, for links in mail: `https://gallery.example.com`."""
    if not knows_its_name():
        raise ImproperlyConfigured("MMSITE_HOSTS=* takes any name: MMSITE_SITE_URL has to say which one is in mail.")
    return str(settings.SITE_URL) or f"{request.scheme}://{request.get_host()}"
