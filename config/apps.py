from axes.apps import AppConfig as AxesConfig
from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig


class SiteConfig(AppConfig):
    """This folder, for its commands, and for what begins with each process. It has no models."""

    name = "config"

    def ready(self) -> None:
        if settings.SENTRY_DSN:
            from config.sentry import begin  # noqa: PLC0415 (an extra, which few sites install)

            begin(settings.SENTRY_DSN)


class DocumentAdminConfig(AdminConfig):
    """Django's admin with a site of our own."""

    default_site = "core.admin.site.DocumentSite"


class LoginsConfig(AxesConfig):  # type: ignore[misc]  # axes has no types
    """django-axes, by the name that admin shows."""

    verbose_name = "Logins"
