"""The site's settings, for servers of tests: pages work without collectstatic."""

from config.settings import *  # noqa: F403 (all of them)

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
