"""The WSGI application that gunicorn serves: the statements of a server are limited in time."""

import os

from django.core.wsgi import get_wsgi_application
from django.db.backends.signals import connection_created

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

from core.database.sessions import begin_session  # noqa: E402 (needs the settings)

connection_created.connect(begin_session)
