from axes.apps import AppConfig as AxesConfig
from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class SiteConfig(AppConfig):
    """This folder, for its commands. It has no models."""

    name = "config"


class DocumentAdminConfig(AdminConfig):
    """Django's admin with a site of our own."""

    default_site = "core.admin.site.DocumentSite"


class LoginsConfig(AxesConfig):
    """django-axes, by the name that admin shows."""

    verbose_name = "Logins"
