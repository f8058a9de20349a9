"""The tags of a picture, and all tags of a person."""

from collections.abc import Callable
from functools import wraps
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from gallery.forms import ImageTagsForm, TagForm, TagNameForm, mistakes
from gallery.models import Image, Tag
from gallery.names import folded
from gallery.tags import Renaming, images_tag, images_untag, tag_delete, tag_rename, tags_of
from gallery.undo.tags import tag_deleted, tag_renamed, tagged, untagged
from gallery.views.access import SignedInRequest, owner_page
from gallery.views.undo import say_done

View = Callable[[SignedInRequest, Tag, bool], HttpResponse]


@require_POST
@owner_page
def image_tags(request: SignedInRequest, image: Image) -> HttpResponse:
    """Puts tags on a picture, and takes one off."""
    form = ImageTagsForm(request.POST)
    if form.is_valid():
        said, images = form.cleaned_data, Image.objects.filter(pk=image.pk)
        if names := said["add"] + said["suggested"]:
            changes = tagged(images_tag(owner=request.user, images=images, names=names))
            say_done(request, _("Tagged: %(tags)s.") % {"tags": ", ".join(names)}, changes)
        if said["remove"]:
            changes = untagged(said["remove"], images_untag(owner=request.user, images=images, name=said["remove"]))
            say_done(request, _("The tag “%(tag)s” is off.") % {"tag": said["remove"]}, changes)
    else:
        messages.error(request, mistakes(form))
    return redirect(f"{image.get_absolute_url()}#tags")


@require_safe
@login_required
def tags(request: SignedInRequest) -> HttpResponse:
    """One's own tags, with their numbers of pictures."""
    return render(request, "gallery/tags.html", {"tags": tags_of(request.user)})


def _of_tag(view: View) -> Callable[[HttpRequest], HttpResponse]:
    """Give the view the caller's own tag, and whether they are sure. Strangers sign in and then see the list: these
    addresses take POST."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(reverse("tags"))
        form = TagForm(request.POST)
        if not form.is_valid():
            raise Http404("No such tag.")
        tag = get_object_or_404(Tag, owner=request.user, key=folded(form.cleaned_data["tag"]))
        return view(cast(SignedInRequest, request), tag, form.cleaned_data["sure"])

    return require_POST(guarded)


@_of_tag
def rename(request: SignedInRequest, tag: Tag, sure: bool) -> HttpResponse:
    form = TagNameForm(request.POST)
    if form.is_valid():
        renaming = tag_rename(tag=tag, name=form.cleaned_data["name"])
        say_done(request, _renamed(renaming), tag_renamed(renaming))
    else:
        messages.error(request, mistakes(form))
    return redirect("tags")


@_of_tag
def delete(request: SignedInRequest, tag: Tag, sure: bool) -> HttpResponse:
    """Asks first, and takes the tag off all pictures when they are `sure`."""
    if not sure:
        return render(request, "gallery/tag_delete.html", {"tag": tag})
    changes = tag_deleted(tag_delete(tag=tag))
    say_done(request, _("The tag “%(tag)s” is gone; its pictures stayed.") % {"tag": tag}, changes)
    return redirect("tags")


def _renamed(renaming: Renaming) -> str:
    if renaming.gone is None:
        return _("The tag is called “%(tag)s” now.") % {"tag": renaming.tag}
    names = {"gone": renaming.gone.name, "other": renaming.before, "tag": renaming.tag}
    return _("“%(gone)s” and “%(other)s” are one tag now: “%(tag)s”.") % names
