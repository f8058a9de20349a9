"""Other people: their pages, and the invitations by which they join."""

from datetime import timedelta

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gallery import invitations, mail
from gallery.forms_accounts import HOUR, InvitationForm
from gallery.models import Image, User, Visibility
from gallery.numbers import whole
from gallery.selectors import images_page
from gallery.views.access import SignedInRequest, sign_in_required
from gallery.views.library import PAGE_SIZE


@require_safe
def person(request: HttpRequest, username: str) -> HttpResponse:
    """Somebody's page: name, a line, public pictures. Absent for others while they have none, so that names can't be
    probed."""
    found = User.objects.filter(username=username).first()
    public = Image.objects.filter(owner=found, visibility=Visibility.PUBLIC) if found else Image.objects.none()
    page = images_page(images=public, cursor=request.GET.get("after"), size=PAGE_SIZE)
    if found is None or (found.pk != request.user.pk and not page.images and not public.exists()):
        raise Http404("No such person.")
    context = {
        "person": found,
        "is_selectable": request.user.is_authenticated,
        "images": page.images,
        "next_cursor": page.next_cursor,
    }
    return render(request, "accounts/person.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@sign_in_required
def invitation_list(request: SignedInRequest) -> HttpResponse:
    """The invitations that hold, and a form for another."""
    user = request.user
    if not invitations.may_invite(user):
        raise Http404
    form = InvitationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if mail.is_too_often("invite", str(user.pk), most=30, seconds=HOUR):
            messages.error(request, _("Those were many invitations already. Try again in an hour."))
            return redirect("invitations")
        email = form.cleaned_data.get("email", "")
        expires_at = timezone.now() + timedelta(days=form.cleaned_data["days"])
        invitation = invitations.invitation_create(by=user, expires_at=expires_at, email=email)
        if not email:
            messages.success(request, _("The invitation is made. Pass its link on."))
        elif mail.mail_send(
            to=email,
            template="invitation",
            inviter=user,
            link=mail.site_url(request) + invitation.get_absolute_url(),
            invitation=invitation,
        ):
            messages.success(request, _("The invitation is on its way to %(email)s.") % {"email": email})
        else:
            messages.error(request, _("The invitation is made, but the mail could not be sent. Pass its link on."))
        return redirect("invitations")
    open_ones = [
        (invitation, request.build_absolute_uri(invitation.get_absolute_url()))
        for invitation in invitations.invitations_of(user)[:100]
    ]
    context = {"form": form, "invitations": open_ones}
    return render(request, "accounts/invitations.html", context, status=400 if form.errors else 200)


@require_POST
@sign_in_required
def invitation_withdraw(request: SignedInRequest) -> HttpResponse:
    """Makes the link of an invitation void."""
    if not invitations.may_invite(request.user):
        raise Http404
    number = whole(request.POST.get("invitation", ""))
    if number is not None and invitations.invitation_withdraw(user=request.user, invitation_id=number):
        messages.success(request, _("The invitation is withdrawn."))
    else:
        messages.info(request, _("That invitation holds no longer anyway."))
    return redirect("invitations")
