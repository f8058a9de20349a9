from django.contrib.admin import apps


class AdminConfig(apps.AdminConfig):
    default_site = "mmsite.admin_site.Site"
