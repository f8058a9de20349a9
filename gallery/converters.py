"""Parts of addresses."""

from django.urls import register_converter
from django.urls.converters import StringConverter


class UsernameConverter(StringConverter):
    """What a user name may be, by django.contrib.auth.validators.UnicodeUsernameValidator. No database is asked for
    others, some of which it would not take."""

    regex = r"[\w.@+-]{1,150}"


register_converter(UsernameConverter, "username")
