"""How pictures and their work are put into words and marks."""

from collections.abc import Iterable
from datetime import date
from functools import cache, lru_cache

from django import template
from django.contrib.messages.storage.base import Message
from django.template.context import Context, RequestContext
from django.templatetags.static import static
from django.urls import reverse
from django.utils.formats import date_format, localize
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy, ngettext

from gallery.addresses import Addresses, picture_address
from gallery.models import Image, Rendition, Stage, Visibility
from gallery.selectors import StepWork, image_work
from gallery.sized import sizes_of
from gallery.undo import MESSAGE_TAG as UNDO_TAG
from gallery.wording import step_name

register = template.Library()

STATE_WORDS = {
    Stage.State.PENDING: gettext_lazy("waiting"),
    Stage.State.RUNNING: gettext_lazy("being worked on"),
    Stage.State.DONE: gettext_lazy("done"),
    Stage.State.FAILED: gettext_lazy("failed"),
    Stage.State.SKIPPED: gettext_lazy("not needed"),
}
DONE_WITH = frozenset({Stage.State.DONE.value, Stage.State.SKIPPED.value})


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """A picture of static/icons.svg, hidden from screen readers: words always stand beside it."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', static("icons.svg"), name)


@register.filter
def undo_address(message: Message) -> str:
    """Where the Undo button of a message leads; "" where it has none. See gallery.views.undo.say_done."""
    tag = message.extra_tags or ""
    return reverse("undo", args=[tag.removeprefix(UNDO_TAG)]) if tag.startswith(UNDO_TAG) else ""


@register.simple_tag(takes_context=True)
def nav_link(context: RequestContext, url_name: str, label: str) -> SafeString:
    """A link of the main navigation, marked when its page is shown."""
    url = reverse(url_name)
    request = context.get("request")
    current = SafeString(' aria-current="page"') if request is not None and request.path == url else ""
    return format_html('<a class="nav-link" href="{}"{}>{}<span>{}</span></a>', url, current, icon(url_name), label)


@register.simple_tag
def route_of(image: Image, route: str) -> str:
    """The address of one of a picture's routes, such as "heat"; the tag `url` takes ten times as long."""
    return picture_address(route, image.uuid)


@register.simple_tag(takes_context=True)
def page_of(context: Context, image: Image) -> str:
    """The address of a picture's page, as this page's `addresses` have it."""
    return _addresses(context).page(image)


@register.simple_tag(takes_context=True)
def media_of(context: Context, image: Image, kind: str) -> str:
    """The address of a rendition, as this page's `addresses` have it."""
    return _addresses(context).media(image, kind)


@register.simple_tag(takes_context=True)
def sized_of(context: Context, image: Image, size: str) -> str:
    """The address of a JPEG in one of the sizes of gallery.sized, as this page's `addresses` have it."""
    return _addresses(context).sized(image, size)


@register.simple_tag(takes_context=True)
def download_of(context: Context, image: Image) -> str:
    """The address of the best that whoever looks may take along, as this page's `addresses` have it."""
    return _addresses(context).download(image, context.get("user"))


def _addresses(context: Context) -> Addresses:
    return context.get("addresses") or Addresses()


@register.simple_tag
def visibilities() -> list[tuple[str, str]]:
    """Who may see a picture: each value and how people read it."""
    return [(each.value, str(each.label)) for each in Visibility]


@register.filter
def alt_text(image: Image) -> str:
    """What the picture shows in words: its caption, else its file name."""
    return image.description or image.file_name


@register.filter
def pictures(number: int) -> str:
    """ "1 picture", "2 pictures"."""
    return ngettext("%(number)s picture", "%(number)s pictures", number) % {"number": localize(number)}


@register.filter
def day(value: date, form: str) -> str:
    """Django's filter `date` for days alone, of which a page shows the same hundreds each time."""
    return _day(value, form, get_language())


@lru_cache(10_000)
def _day(value: date, form: str, _language: str | None) -> str:
    return date_format(value, form)


@register.filter
def largest_size(image: Image) -> str:
    """The name of the largest size in which the picture can be had."""
    return sizes_of(image)[0].name


@register.filter
def is_larger_than(image: Image, rendition: Rendition) -> bool:
    """Whether the original has more to show than this rendition of it."""
    return image.width > rendition.width and image.frames == 1


@register.filter
def marked(pieces: Iterable[tuple[str, bool]]) -> SafeString:
    """A text that comes in pieces, each with whether it is to be marked."""
    written = (format_html("<mark>{}</mark>", piece) if is_marked else piece for piece, is_marked in pieces)
    return format_html_join("", "{}", ((piece,) for piece in written))


@register.filter
def work_state(image: Image) -> str:
    """ "ready", "working" or "failed". Prefetch `stages` for lists."""
    if all(stage.state in DONE_WITH for stage in image.stages.all()):  # as of nearly all pictures of a list
        return "ready"
    return image_work(image).state


@register.filter
def step_label(step: StepWork) -> str:
    return step_name(step.name)


@register.simple_tag
def caption_lang(image: Image) -> SafeString:
    """The attribute that says of a model's caption that it is English, on pages in another language."""
    is_english = bool(image.description) and not image.description_by_person and get_language() != "en"
    return SafeString(' lang="en"' if is_english else "")


@register.filter
def step_words(step: StepWork) -> str:
    return str(STATE_WORDS[step.state])


@register.filter
def camera(image: Image) -> str:
    """Make and model; makers often repeat themselves ("Canon", "Canon EOS 5D")."""
    make, model = image.camera_make.strip(), image.camera_model.strip()
    return model if model.lower().startswith(make.lower()) else f"{make} {model}".strip()
