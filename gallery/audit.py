"""The audit log: what people did that others may have to answer for, in the transaction that did it."""

from gallery.models import AuditEntry, User, Viewer


def record(actor: Viewer | None, action: str, target: object = "", **details: object) -> None:
    """Adds an entry. `action` is `subject.verb`, such as `image.trash`, `album.share`, `token.create`; `target` what it
    was done to, in words (a title, a user name); `details` are plain values, never secrets or what pictures show.

    `actor` is None where nobody signed in did it: the worker, a command, a stranger.
    """
    person = actor if isinstance(actor, User) else None
    AuditEntry.objects.create(
        actor=person,
        actor_name=person.username if person else "",
        action=action,
        target=str(target)[:200],
        details=details,
    )
