"""The page of one picture, the state of its work, and what its owner may do with it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from gallery import services, stages
from gallery.details import image_set_taken
from gallery.favourites import favourites_add, favourites_remove, is_favourite
from gallery.forms import VisibilityForm, WordsForm, mistakes
from gallery.models import Image, ImageQuerySet, Rendition, Viewer, Visibility
from gallery.pauses import paused_steps
from gallery.permissions import may_change, reachable_image
from gallery.selectors import image_albums, image_neighbours, image_work
from gallery.sized import sizes_of
from gallery.tags import tags_beside
from gallery.templatetags.gallery import step_label, step_words
from gallery.trash import images_trash
from gallery.undo.images import favoured, shown_to, trashed, unfavoured, words_of, words_set
from gallery.views.access import SignedInRequest, owner_page
from gallery.views.undo import say_done

STATES_A_REQUEST = 60

VISIBILITY_SENTENCES = {
    Visibility.PRIVATE: gettext_lazy("Only you see it now."),
    Visibility.LINK: gettext_lazy("Everyone who has the link sees it now."),
    Visibility.PUBLIC: gettext_lazy("Everyone sees it now."),
}


@require_safe
def image_detail(request: HttpRequest, uuid: UUID) -> HttpResponse:
    image = reachable_image(viewer=request.user, uuid=uuid)
    is_owner = may_change(viewer=request.user, image=image)
    newer, older = image_neighbours(image=image, images=_list_around(image, is_owner=is_owner))
    tags, own_tags = tags_beside(image) if is_owner else (image.tags.order_by("key"), [])
    albums, other_albums = image_albums(image=image, viewer=request.user) if is_owner else ([], [])
    context = {
        "image": image,
        "work": image_work(image),
        "is_favourite": is_favourite(viewer=request.user, image=image),
        "tags": tags,
        "own_tags": own_tags,
        "is_owner": is_owner,
        "newer": newer,
        "older": older,
        "back_url": reverse("library" if is_owner else "public"),
        "back_label": _("Back to your library") if is_owner else _("Back to the public pictures"),
        "visibility_form": VisibilityForm(initial={"visibility": image.visibility}),
        "albums": albums,
        "other_albums": other_albums,
        "words_form": WordsForm(image=image),
        "sizes": sizes_of(image),
        "link": request.build_absolute_uri(image.get_absolute_url()),
    }
    return render(request, "gallery/image.html", context)


def _list_around(image: Image, *, is_owner: bool) -> ImageQuerySet:
    """Where previous and next lead: the owner's library, the public pictures, or nowhere from a shared link."""
    if is_owner:
        return Image.objects.filter(owner=image.owner_id)
    if image.visibility == Visibility.PUBLIC:
        return Image.objects.filter(visibility=Visibility.PUBLIC)
    return Image.objects.none()


@require_safe
@never_cache
def image_state(request: HttpRequest, uuid: UUID) -> JsonResponse:
    """How far the work on a picture is, and whether any work is paused."""
    image = reachable_image(viewer=request.user, uuid=uuid)
    return JsonResponse(_state(image, request.user) | {"paused": bool(paused_steps())})


@require_safe
@never_cache
def image_states(request: HttpRequest) -> JsonResponse:
    """The same for `?image=…&image=…`, each with its card for the grid; what the caller may not see is left out."""
    uuids = []
    for text in request.GET.getlist("image")[:STATES_A_REQUEST]:
        try:
            uuids.append(UUID(text))
        except ValueError:
            continue
    images = Image.objects.reachable_by(request.user).filter(uuid__in=uuids)
    cards = {
        str(image.uuid): _state(image, request.user) | {"card": _card(image, request.user)}
        for image in images.with_renditions().prefetch_related("stages")
    }
    return JsonResponse({"images": cards})


def _card(image: Image, viewer: Viewer) -> str:
    return render_to_string("gallery/_card.html", {"image": image, "user": viewer})


def _state(image: Image, viewer: Viewer) -> dict[str, Any]:
    work = image_work(image)
    is_owner = may_change(viewer=viewer, image=image)
    return {
        "uuid": str(image.uuid),
        "state": work.state,
        "is_open": work.is_open,
        "asked": [stage.state for stage in work.asked],
        "description": image.description,
        "unsure": image.description_unsure,
        "thumbnail": _rendition_json(image, image.thumbnail),
        "preview": _rendition_json(image, image.preview),
        "steps": [
            {
                "name": step.name,
                "label": step_label(step),
                "state": step.state,
                "words": step_words(step),
                "error": step.error if is_owner else "",  # may tell how this machine is set up
            }
            for step in work.steps
        ],
    }


def _rendition_json(image: Image, rendition: Rendition | None) -> dict[str, Any] | None:
    if rendition is None:
        return None
    url = reverse("rendition", args=[image.uuid, rendition.kind])
    return {"url": url, "width": rendition.width, "height": rendition.height}


@require_POST
def image_favourite(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Puts one's heart on a picture, with `heart`, or takes it off."""
    if not request.user.is_authenticated:
        return redirect_to_login(reverse("image", args=[uuid]))
    image = reachable_image(viewer=request.user, uuid=uuid)
    images = Image.objects.filter(pk=image.pk)
    if request.POST.get("heart"):
        if added := favourites_add(person=request.user, images=images):
            say_done(request, _("It is among your favourites."), favoured(added))
    elif removed := favourites_remove(person=request.user, images=images):
        say_done(request, _("It is no longer among your favourites."), unfavoured(removed))
    return redirect(image)


@require_POST
@owner_page
def image_retry(request: SignedInRequest, image: Image) -> HttpResponse:
    stages.retry(image=image)
    messages.success(request, _("It will be tried again in a moment."))
    return redirect(image)


@require_POST
@owner_page
def image_words(request: SignedInRequest, image: Image) -> HttpResponse:
    form = WordsForm(request.POST, image=image)
    if form.is_valid():
        said = form.cleaned_data
        place = said["place"] if "place" in request.POST else None  # forms of others may not have it
        before = words_of(image)
        services.image_set_words(image=image, title=said["title"], notes=said["notes"], place=place)
        if "taken" in request.POST and said["taken"] != image.taken_at:
            image_set_taken(image=image, taken_at=said["taken"])
        image.refresh_from_db(fields=before)
        say_done(request, _("Title, place, date and notes are saved."), words_set(image, before=before))
    else:
        messages.error(request, mistakes(form))
    return redirect(image)


@require_POST
@owner_page
def image_visibility(request: SignedInRequest, image: Image) -> HttpResponse:
    form = VisibilityForm(request.POST)
    if form.is_valid():
        visibility = form.cleaned_data["visibility"]
        before = services.images_set_visibility(images=Image.objects.filter(pk=image.pk), visibility=visibility)
        say_done(request, str(VISIBILITY_SENTENCES[visibility]), shown_to(before, after=visibility))
    else:
        messages.error(request, _("Choose who may see it from the list."))
    return redirect(image)


@require_POST
@owner_page
def image_delete(request: SignedInRequest, image: Image) -> HttpResponse:
    """Moves it to the trash."""
    images_trash(images=[image], by=request.user)
    say_done(request, _("%(file_name)s is in the trash.") % {"file_name": image.file_name}, trashed([image.pk]))
    return redirect("library")
