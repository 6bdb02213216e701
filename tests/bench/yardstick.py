"""The yardstick of `make bench`: bare Django that responds with ready bytes, after one SELECT or none.

Settings, URLs and views in one module, served by gunicorn beside the real thing: no middleware, no framework.
"""

import os
from functools import lru_cache

import dj_database_url
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path

DEBUG = False
SECRET_KEY = "bench"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.bench.yardstick"
MIDDLEWARE: list[str] = []
INSTALLED_APPS: list[str] = []
USE_TZ = True
DATABASES = {"default": dj_database_url.parse(os.environ["DATABASE_URL"], conn_max_age=None)}


@lru_cache
def ready(size: int) -> bytes:
    return b"x" * size


def respond(size: int) -> HttpResponse:
    # Without a length gunicorn would send it in chunks.
    return HttpResponse(ready(size), content_type="application/json", headers={"Content-Length": str(size)})


def plain(request: HttpRequest, size: int, pk: int) -> HttpResponse:
    return respond(size)


def select(request: HttpRequest, size: int, pk: int) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT slug FROM packages_package WHERE id = %s", [pk])
        cursor.fetchone()
    return respond(size)


urlpatterns = [path("plain/<int:size>/<int:pk>", plain), path("select/<int:size>/<int:pk>", select)]
application = get_wsgi_application() if os.environ.get("DJANGO_SETTINGS_MODULE") == "tests.bench.yardstick" else None
