"""What browsers call themselves, in plain words."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# The first that is found names it: many claim to be Chrome or Safari too.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Vivaldi", "Vivaldi"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chromium", "Chromium"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
    ("curl", "curl"),
    ("python-requests", gettext_lazy("a Python program")),
)
SYSTEMS = (
    ("iPhone", gettext_lazy("an iPhone")),
    ("iPad", gettext_lazy("an iPad")),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", gettext_lazy("a Mac")),
    ("Linux", "Linux"),
)


def in_words(user_agent: str) -> str:
    """Browser and system, as in "Firefox on Linux"; "An unknown browser" where it tells neither."""
    browser = next((str(name) for mark, name in BROWSERS if mark in user_agent), "")
    system = next((str(name) for mark, name in SYSTEMS if mark in user_agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    if system:
        return _("A browser on %(system)s") % {"system": system}
    return browser[:1].upper() + browser[1:] if browser else _("An unknown browser")
