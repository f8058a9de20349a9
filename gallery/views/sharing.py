"""With whom an album is shared: people, and links."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from gallery.exceptions import NotShared
from gallery.forms import mistakes
from gallery.forms_sharing import LinkChangeForm, LinkForm, MemberForm, RoleForm
from gallery.links import link_change, link_create, link_revoke, links_of, tells_address
from gallery.models import Album, AlbumLink, AlbumMember
from gallery.numbers import whole
from gallery.permissions import MANAGE, VIEW, album_role, is_at_least
from gallery.sharing import member_add, member_remove, member_set_role, members_of, said_of
from gallery.undo.members import member_added, member_removed, role_set
from gallery.views.access import SignedInRequest, album_page
from gallery.views.undo import say_done


@require_http_methods(["GET", "HEAD", "POST"])
@album_page(at_least=MANAGE)
def share(request: SignedInRequest, album: Album) -> HttpResponse:
    """The people and links that see the album (GET), and one more person who does (POST)."""
    form = MemberForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        if not form.is_valid():
            messages.error(request, mistakes(form))
            return _back(album)
        try:
            member = member_add(album=album, by=request.user, **form.cleaned_data)
        except NotShared as reason:
            messages.error(request, str(reason))
        else:
            sentence = _("%(name)s sees the album now.") % {"name": member.person.shown_name}
            say_done(request, sentence, member_added(member))
        return _back(album)
    links = [
        {
            "link": link,
            "address": request.build_absolute_uri(reverse("link", args=[link.key])) if told else "",
            "form": LinkChangeForm.of(link) if link.created_by_id == request.user.pk else None,
        }
        for link in links_of(album)
        for told in [tells_address(link, viewer=request.user)]
    ]
    context = {
        "album": album,
        "members": members_of(album),
        "roles": AlbumMember.Role.choices,
        "member_form": form,
        "links": links,
        "link_form": LinkForm(),
    }
    return render(request, "gallery/share.html", context)


@require_POST
@album_page(at_least=MANAGE)
def share_member(request: SignedInRequest, album: Album) -> HttpResponse:
    """Lets a member do something else, or removes them."""
    form = RoleForm(request.POST)
    member = form.is_valid() and members_of(album).filter(pk=form.cleaned_data["member"]).first()
    if not member:
        messages.error(request, _("Nothing was changed: the album is not shared with them any more."))
        return _back(album)
    if form.cleaned_data["remove"]:
        changes = member_removed(album, member_remove(member=member, by=request.user))
        sentence = _("%(name)s doesn’t see the album any more.") % {"name": member.person.shown_name}
    else:
        role = form.cleaned_data["role"] or member.role
        changes = role_set(member, member_set_role(member=member, by=request.user, role=role), after=role)
        sentence = said_of(member.person, role)
    own = album_role(viewer=request.user, album=album)
    may_undo = is_at_least(own, MANAGE)  # else they changed what they may do themselves
    say_done(request, sentence, changes if may_undo else [])
    return _back(album) if may_undo else redirect(album if own else "albums")


@require_POST
@album_page(at_least=MANAGE)
def share_links(request: SignedInRequest, album: Album) -> HttpResponse:
    """Makes a link to the album, or revokes or changes one, by its number in `revoke` or `change`."""
    if given := request.POST.get("revoke", ""):
        if link := _link(album, given):
            link_revoke(link=link, by=request.user)
        messages.success(request, _("The link is revoked: nobody sees the album by it any more."))
        return _back(album)
    if given := request.POST.get("change", ""):
        return _change(request, album, _link(album, given))
    form = LinkForm(request.POST)
    if not form.is_valid():
        messages.error(request, mistakes(form))
        return _back(album)
    said = form.cleaned_data
    link_create(
        album=album,
        by=request.user,
        is_public=said["is_public"],
        label=said["label"],
        password=said["password"],
        allows_download=said["allows_download"],
        expires_at=form.expires_at(),
    )
    messages.success(request, _("The link is made: copy it below, and send it to whom it is for."))
    return _back(album)


def _change(request: SignedInRequest, album: Album, link: AlbumLink | None) -> HttpResponse:
    form = LinkChangeForm(request.POST)
    if link is None:
        messages.error(request, _("Nothing was changed: the link has ended."))
    elif not form.is_valid():
        messages.error(request, mistakes(form))
    else:
        link_change(link=link, by=request.user, **form.changes())
        messages.success(request, _("The link is changed; its address stays the same."))
    return _back(album)


def _link(album: Album, number: str) -> AlbumLink | None:
    return links_of(album).filter(pk=whole(number) or 0).select_related("album").first()


@require_http_methods(["GET", "HEAD", "POST"])
@album_page(at_least=VIEW)
def leave(request: SignedInRequest, album: Album) -> HttpResponse:
    """Asks first (GET), then the member leaves the album (POST)."""
    member = AlbumMember.objects.select_related("album", "person").filter(album=album, person=request.user).first()
    if member is None:
        raise Http404("The album is their own.")
    if request.method != "POST":
        own = album.images.filter(owner=request.user).count()
        return render(request, "gallery/album_leave.html", {"album": album, "own": own})
    member_remove(member=member, by=request.user)
    messages.success(request, _("You have left the album “%(album)s”.") % {"album": album})
    return redirect("albums")


def _back(album: Album) -> HttpResponse:
    return redirect("album-share", album.uuid)
