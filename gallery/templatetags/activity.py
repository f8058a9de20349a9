"""How the audit log is put into words."""

from django import template

from gallery.models import AuditEntry

register = template.Library()

WORDS = {
    "account.change": "An account was changed",
    "account.create": "An account was made",
    "account.delete": "An account was deleted",
    "account.email": "The e-mail address was changed",
    "account.invite": "Somebody was invited",
    "account.password": "A password was changed",
    "album.link": "A link to an album was made",
    "album.role": "What somebody may do in an album was changed",
    "album.share": "An album was shared",
    "album.unshare": "An album is no longer shared",
    "archive.download": "An archive was downloaded",
    "caption.change": "A caption was changed in the admin",
    "image.change": "A picture was changed in the admin",
    "image.delete": "A picture was deleted for good",
    "image.purge": "Pictures were deleted for good",
    "image.restore": "Pictures were taken out of the trash",
    "image.trash": "Pictures were moved to the trash",
    "image.visibility": "Who may see pictures was changed",
    "link.revoke": "A link was taken back",
    "model.activate": "Searches were given another model",
    "model.add": "A model was added",
    "model.build": "A model was given all pictures to embed",
    "model.remove": "A model and its vectors were removed",
    "session.end": "A session was ended",
    "token.create": "A token was made",
    "token.revoke": "A token was taken back",
    "url.import": "Pictures were fetched from the web",
    "work.again": "Work was begun anew",
    "work.pause": "Work was paused",
    "work.resume": "Work was resumed",
    "work.retry": "Failed work was tried again",
}


@register.filter
def entry_words(entry: AuditEntry) -> str:
    """What was done; what has no words yet is named as it is in the log."""
    return WORDS.get(entry.action, entry.action)


@register.filter
def entry_number(entry: AuditEntry) -> int | None:
    """Of how many, where the entry tells."""
    number = entry.details.get("number")
    return number if isinstance(number, int) else None
