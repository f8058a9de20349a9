"""How the audit log is put into words."""

from django import template
from django.utils.translation import gettext_lazy as _

from gallery.models import AuditEntry

register = template.Library()

WORDS = {
    "account.change": _("An account was changed"),
    "account.create": _("An account was made"),
    "account.delete": _("An account was deleted"),
    "account.email": _("The e-mail address was changed"),
    "account.invite": _("Somebody was invited"),
    "account.password": _("A password was changed"),
    "account.throttled": _("Too many wrong passwords were tried"),
    "album.delete": _("An album was moved to the trash"),
    "album.restore": _("An album was taken out of the trash"),
    "album.role": _("What somebody may do in an album was changed"),
    "album.share": _("An album was shared"),
    "album.unshare": _("An album is no longer shared"),
    "archive.download": _("An archive was downloaded"),
    "caption.change": _("A caption was changed in the admin"),
    "image.change": _("A picture was changed in the admin"),
    "image.delete": _("A picture was deleted for good"),
    "image.purge": _("Pictures were deleted for good"),
    "image.restore": _("Pictures were taken out of the trash"),
    "image.trash": _("Pictures were moved to the trash"),
    "image.visibility": _("Who may see pictures was changed"),
    "link.change": _("A link to an album was changed"),
    "link.create": _("A link to an album was made"),
    "link.revoke": _("A link was taken back"),
    "model.activate": _("Searches were given another model"),
    "model.add": _("A model was added"),
    "model.build": _("A model was given all pictures to embed"),
    "model.remove": _("A model and its vectors were removed"),
    "session.end": _("A session was ended"),
    "token.create": _("A token was made"),
    "token.revoke": _("A token was taken back"),
    "url.import": _("Pictures were fetched from the web"),
    "webhook.create": _("A webhook was made"),
    "webhook.delete": _("A webhook was deleted"),
    "webhook.pause": _("A webhook was switched off"),
    "work.again": _("Work was begun anew"),
    "work.pause": _("Work was paused"),
    "work.resume": _("Work was resumed"),
    "work.retry": _("Failed work was tried again"),
}


@register.filter
def entry_words(entry: AuditEntry) -> str:
    """What was done; what has no words yet is named as it is in the log."""
    return str(WORDS.get(entry.action, entry.action))


@register.filter
def entry_number(entry: AuditEntry) -> int | None:
    """Of how many, where the entry tells."""
    number = entry.details.get("number")
    return number if isinstance(number, int) else None
