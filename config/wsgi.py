"""The WSGI application that gunicorn serves: its statements, and its waits for the database, are limited in time."""

import os

from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.db.backends.signals import connection_created

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
respond = get_wsgi_application()

from core.charsets import without_charset  # noqa: E402 (needs the settings)
from core.database.sessions import begin_session  # noqa: E402

application = without_charset(respond)
connection_created.connect(begin_session)
if connection.vendor == "postgresql":
    from core.database import deadlines  # psycopg2 is loaded anyway

    deadlines.install()
