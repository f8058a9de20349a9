"""How much each person's originals may take, and do. Pictures in the trash count: their bytes are still there."""

from typing import NamedTuple

from django.conf import settings
from django.db.models import Sum
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gallery.exceptions import OverQuota
from gallery.models import Tally, User


class Room(NamedTuple):
    """Bytes used, and how many may be; None: no limit."""

    used: int
    limit: int | None

    @property
    def used_words(self) -> str:
        return in_words(self.used)

    @property
    def limit_words(self) -> str:
        return in_words(self.limit or 0)

    @property
    def percent(self) -> int:
        return min(100, self.used * 100 // self.limit) if self.limit else 0

    @property
    def is_nearly_full(self) -> bool:
        return self.limit is not None and self.used * 10 >= self.limit * 9

    def takes(self, byte_size: int) -> bool:
        """Whether so many bytes more may come."""
        return self.limit is None or self.used + byte_size <= self.limit


def in_words(byte_size: int) -> str:
    """Such as "1.2 GB"; thousands of thousands, as the settings count."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if byte_size >= size:
            tenths = round(byte_size / size * 10)
            return f"{number_format(tenths / 10, decimal_pos=1 if tenths % 10 else 0)} {unit}"
    return ngettext("%(number)s byte", "%(number)s bytes", byte_size) % {"number": byte_size}


def limit_of(user: User) -> int | None:
    """The most bytes that `user` may have here; None: no limit."""
    own = user.quota_bytes
    return (settings.QUOTA_BYTES if own is None else own) or None


def room_of(user: User) -> Room:
    """What `user` has here, and may have."""
    used = Tally.objects.filter(owner=user).aggregate(bytes=Sum("bytes", default=0))["bytes"]
    return Room(used, limit_of(user))


def room_check(*, owner: User, byte_size: int) -> None:
    """Raises OverQuota where `byte_size` more bytes are too many. What is uploaded at once may still pass."""
    if limit_of(owner) is not None:
        _check(room_of(owner), byte_size)


def room_take(*, owner: User, byte_size: int) -> None:
    """As `room_check`, in the transaction that adds the picture: the same person's uploads take turns until its end."""
    if limit_of(owner) is not None:
        # Not FOR UPDATE, which would wait for whatever refers to this person.
        fresh = User.objects.select_for_update(no_key=True).filter(pk=owner.pk).first()
        if fresh is not None:  # else the picture is refused, as one without an owner
            _check(room_of(fresh), byte_size)


def _check(room: Room, byte_size: int) -> None:
    if not room.takes(byte_size):
        raise OverQuota(
            _(
                "There is no room for this picture of %(size)s: your pictures, those in the trash included, "
                "take %(used)s of your %(limit)s. Delete some for good, or ask whoever runs this site "
                "for more."
            )
            % {"size": in_words(byte_size), "used": room.used_words, "limit": room.limit_words}
        )
