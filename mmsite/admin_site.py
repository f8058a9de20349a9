"""The admin, with a front page that says how the place is."""

from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from mmsite.overview import overview

ORDER = ("gallery", "captioning", "search", "reading", "api")


class Site(admin.AdminSite):
    """Django's, and on its first page an overview for those who may look at the work on pictures."""

    site_header = "mmsite"
    site_title = "mmsite"
    index_title = _("Running the place")
    index_template = "admin/overview.html"

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """What one comes for first; Django's own order is that of the names."""
        apps = super().get_app_list(request, app_label)
        return sorted(apps, key=lambda app: ORDER.index(app["app_label"]) if app["app_label"] in ORDER else len(ORDER))

    def get_urls(self) -> list[Any]:
        """But for the way from a row's number to its page: it asks for no permission, and such addresses are secret."""
        return [each for each in super().get_urls() if getattr(each, "name", "") != "view_on_site"]

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Asks first. Django's own page of a row's history looks for the row before, and so told all staff which there
        are."""
        shown = super().admin_view(view, cacheable)
        if getattr(view, "__name__", "") != "history_view":
            return shown

        @wraps(shown)
        def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if self.has_permission(request) and not view.__self__.has_view_or_change_permission(request):
                raise PermissionDenied
            return shown(request, *args, **kwargs)

        return asked

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """On the site's own page, which bounds guesses, ends other sessions and is in the log."""
        return redirect("password-change")

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        seen = {"overview": overview()} if request.user.has_perm("gallery.view_stage") else {}
        return super().index(request, {**seen, **(extra_context or {})})
