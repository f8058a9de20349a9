"""The people who sign in."""

from django.contrib.auth.models import AbstractUser, AnonymousUser


class User(AbstractUser):
    """Somebody who signs in. Our own from the start, since Django cannot swap the user model later."""

    class Meta(AbstractUser.Meta):
        pass


Viewer = User | AnonymousUser
