"""Settings of Package Grids: one file, from the environment (and a `.env` file beside manage.py, if there is one).

A value that cannot be used stops the start with one line that names the variable.
"""

import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
import django_stubs_ext
from environs import Env, EnvValidationError

from config import values
from packages.keys import KNOWN_HOSTS

VERSION = "1.0.0"
BASE_DIR = Path(__file__).resolve().parent.parent


django_stubs_ext.monkeypatch()  # forms and admin classes take their model as a parameter, as the type checker has it


env = Env(eager=False)  # collects all mistakes, so that seal() below can name them together
try:
    env.read_env(BASE_DIR / ".env", recurse=False)
except (OSError, ValueError) as error:
    sys.exit(f"Settings: .env: Cannot be read: {error}")
env.add_parser("forge_hosts", values.forge_hosts)

DEBUG = env.bool("DEBUG", default=False)
_in_production = () if DEBUG is not False else (values.secret_key,)
SECRET_KEY = env.str("SECRET_KEY", default="", validate=_in_production)
ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS",
    default=["localhost", "127.0.0.1", "[::1]"],
    validate=partial(values.allowed_hosts, may_be_empty=DEBUG),
)
SITE_URL = (env.str("SITE_URL", default="", validate=values.site_url) or "").rstrip("/")
TRUSTED_PROXIES: list[str] = env.list(
    "TRUSTED_PROXIES", default=[], subcast=str.strip, validate=partial(values.networks, or_unix=True)
)
RATE_LIMIT = env.int("RATE_LIMIT", default=600, validate=values.rate_limit)
RATE_LIMIT_EXEMPT: list[str] = env.list("RATE_LIMIT_EXEMPT", default=[], subcast=str.strip, validate=values.networks)
env.str("BEHIND_PROXY", default="", validate=values.replaced_by_trusted_proxies)
INDEXED = env.bool("INDEXED", default=False)
ADMIN_PATH = env.str("ADMIN_PATH", default="admin", validate=values.admin_path)
HSTS_SECONDS = env.int("HSTS_SECONDS", default=0, validate=partial(values.hsts_seconds, site_url=SITE_URL))
SECURITY_CONTACT = env.str("SECURITY_CONTACT", default="", validate=values.security_contact)
LOGIN_FAILURES = env.int("LOGIN_FAILURES", default=5, validate=values.between(1, 100))
LOGIN_LOCK_MINUTES = env.int("LOGIN_LOCK_MINUTES", default=15, validate=values.between(1, 1440))
TIME_ZONE = env.str("TIME_ZONE", default="America/New_York", validate=values.time_zone)
HOST = env.str("HOST", default="127.0.0.1", validate=values.listening_host)
PORT = env.int("PORT", default=8000, validate=values.between(1, 65535))
WEB_CONCURRENCY = env.int("WEB_CONCURRENCY", default=2, validate=values.between(1, 256))
ACCESS_LOG = env.bool("ACCESS_LOG", default=True)
LOG_FORMAT = env.str("LOG_FORMAT", default="line", validate=values.one_of("line", "json"))
METRICS_TOKEN = env.str("METRICS_TOKEN", default="", validate=values.long_token)
METRICS = bool(METRICS_TOKEN)  # nothing is measured that nobody may read
SENTRY_DSN = env.str("SENTRY_DSN", default="", validate=values.sentry_dsn)
_database = env.str("DATABASE_URL", default=f"sqlite:///{BASE_DIR / 'db.sqlite3'}", validate=values.database_url)
_replica = env.str("DATABASE_REPLICA_URL", default="", validate=partial(values.replica_url, primary=_database or ""))
STATEMENT_SECONDS = env.int("STATEMENT_SECONDS", default=10, validate=values.between(1, 3600))
CACHE_URL = env.str("CACHE_URL", default="locmem://", validate=values.cache_url)

# Upstreams of refresh_packages
GITHUB_API_URL = env.str("GITHUB_API_URL", default="https://api.github.com", validate=values.base_url)
GITHUB_GRAPHQL_URL = env.str("GITHUB_GRAPHQL_URL", default="https://api.github.com/graphql", validate=values.base_url)
GITHUB_TOKEN = env.str("GITHUB_TOKEN", default="", validate=values.header_text)
GITLAB_API_URL = env.str("GITLAB_API_URL", default="https://gitlab.com/api/v4", validate=values.base_url)
GITLAB_TOKEN = env.str("GITLAB_TOKEN", default="", validate=values.header_text)
BITBUCKET_TOKEN = env.str("BITBUCKET_TOKEN", default="", validate=values.bitbucket_token)
CODEBERG_TOKEN = env.str("CODEBERG_TOKEN", default="", validate=values.token)
BITBUCKET_API_URL = env.str("BITBUCKET_API_URL", default="https://api.bitbucket.org/2.0", validate=values.base_url)
CODEBERG_API_URL = env.str("CODEBERG_API_URL", default="https://codeberg.org/api/v1", validate=values.base_url)
PYPI_URL = env.str("PYPI_URL", default="https://pypi.org", validate=values.base_url)
OSV_URL = env.str("OSV_URL", default="https://osv-vulnerabilities.storage.googleapis.com", validate=values.base_url)
PYPISTATS_URL = env.str("PYPISTATS_URL", default="https://pypistats.org/api", validate=values.base_url)
ALLOW_PRIVATE_HOSTS = env.bool("ALLOW_PRIVATE_HOSTS", default=False)
FORGE_HOSTS: dict[str, values.ForgeKind] = env.forge_hosts(
    "FORGE_HOSTS", default="", known=KNOWN_HOSTS, allow_private=ALLOW_PRIVATE_HOSTS
)
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="", validate=values.broker_url)
# Dumps of the catalogue
DATA_LICENCE = env.str("DATA_LICENCE", default="", validate=values.line)
DUMP_ROOT = env.str("DUMP_ROOT", default="", validate=values.folder)
DUMP_ACCEL = env.str("DUMP_ACCEL", default="", validate=values.internal_location)
# Downloads that a worker sends at the same time, each of which takes a thread for as long as its client reads
DOWNLOADS = 2 if DUMP_ROOT and not DUMP_ACCEL else 0
REFRESH_CONTACT = env.str("REFRESH_CONTACT", default="", validate=values.header_text)
PING_URL = env.str("PING_URL", default="", validate=values.ping_url)
# Packages whose facts are known: a host that tells others is not believed
CANARIES: list[str] = env.list("CANARIES", default=[], subcast=str.strip, validate=values.slugs)
# The weekly mail of the desk; most names are Django's
DESK_MAIL: list[str] = env.list(
    "DESK_MAIL", default=[], subcast=str.strip, validate=partial(values.mail_addresses, site_url=SITE_URL)
)
_sender = env.str("DESK_MAIL_FROM", default="", validate=values.mail_address)
DEFAULT_FROM_EMAIL = _sender or next(iter(DESK_MAIL or ()), "")
EMAIL_HOST = env.str("EMAIL_HOST", default="localhost", validate=values.listening_host)
EMAIL_PORT = env.int("EMAIL_PORT", default=25, validate=values.between(1, 65535))
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", default="", validate=values.line)
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", default="", validate=values.line)
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", default=False)
EMAIL_USE_SSL = env.bool("EMAIL_USE_SSL", default=False, validate=partial(values.one_of_two, other=EMAIL_USE_TLS))
EMAIL_TIMEOUT = 10

try:
    env.seal()
except EnvValidationError as error:
    mistakes = error.error_messages if isinstance(error.error_messages, dict) else {"": error.error_messages}
    sys.exit("Settings: " + "; ".join(f"{name}: {' '.join(why)}" for name, why in sorted(mistakes.items())))
if not SECRET_KEY:
    if not DEBUG:
        sys.exit("Settings: SECRET_KEY: Required unless DEBUG is true: a random text of 50 characters or more")
    SECRET_KEY = "only-for-debugging"  # noqa: S105 (refused above outside DEBUG)

INSTALLED_APPS = [
    "config.apps.DocumentAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.sitemaps",
    "django.contrib.staticfiles",
    "config.apps.LoginsConfig",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "core",
    "categories",
    "packages",
    "grids",
    "search",
    "changes",
    "v3",
    "fetchers",
    "editing",
    "config.apps.SiteConfig",
]

MIDDLEWARE = [
    "core.clients.ForwardedMiddleware",
    "core.requests.RequestIdMiddleware",
    "core.headers.SecurityHeadersMiddleware",  # of whatever answers below
    "config.probes.ProbesMiddleware",
    "core.languages.AdminLocaleMiddleware",
    "core.headers.PagePolicyMiddleware",
    "core.headers.ApiHeadersMiddleware",
    "core.limits.middleware.LimitsMiddleware",
    "core.limits.sizes.SizesMiddleware",
    "core.charsets.CharsetMiddleware",
    "core.downloads.DumpFilesMiddleware",
    "core.caching.middleware.ApiCacheMiddleware",  # serves the API by itself, behind API_MIDDLEWARE alone
    "django.middleware.security.SecurityMiddleware",
    # With DEBUG, runserver serves static files from the apps, and nothing has been collected.
    *([] if DEBUG else ["whitenoise.middleware.WhiteNoiseMiddleware"]),
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
# The API does CommonMiddleware's work itself: its catch-all redirects a missing slash, the cache sets the length.
API_MIDDLEWARE = ["changes.middleware.OldSlugMiddleware"]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# How libpq notices a machine that is gone. A server has deadlines besides (core.database.deadlines).
_LIBPQ = {
    "connect_timeout": 5,
    "tcp_user_timeout": 60_000,  # milliseconds
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
CONNECTION_SECONDS = 600  # a new connection has to plan its statements first
DATABASES = {
    "default": dj_database_url.parse(
        _database or "sqlite://:memory:", conn_max_age=CONNECTION_SECONDS, conn_health_checks=True
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # With WAL, readers go on while one writes; with IMMEDIATE, a second writer waits instead of failing half-way.
    DATABASES["default"]["OPTIONS"] = {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
    }
else:
    DATABASES["default"]["OPTIONS"] = {**_LIBPQ, **DATABASES["default"].get("OPTIONS", {})}

if _replica:
    DATABASES["replica"] = dj_database_url.parse(_replica, conn_max_age=CONNECTION_SECONDS, conn_health_checks=True)
    # An unreachable replica must not keep requests waiting.
    DATABASES["replica"]["OPTIONS"] = {**_LIBPQ, "connect_timeout": 2, **DATABASES["replica"].get("OPTIONS", {})}
    DATABASE_ROUTERS = ["core.caching.replica.ReplicaRouter"]
    MIDDLEWARE.append("core.caching.replica.WroteMiddleware")

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
# Who fails to log in too often is locked out (core.logins).
AXES_HANDLER = "core.logins.LoginHandler"
AXES_FAILURE_LIMIT = LOGIN_FAILURES
AXES_COOLOFF_TIME = timedelta(minutes=LOGIN_LOCK_MINUTES or 15)
AXES_LOCKOUT_PARAMETERS = ["username", "ip_address"]  # in the order of LoginHandler
AXES_CLIENT_IP_CALLABLE = "core.logins.client_of"
AXES_USERNAME_CALLABLE = "core.logins.name_of"
AXES_LOCKOUT_CALLABLE = "core.logins.lock_out"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # who goes on trying makes it no longer, and stores nothing
AXES_ENABLE_ACCESS_FAILURE_LOG = True
AXES_SENSITIVE_PARAMETERS = ["csrfmiddlewaretoken", "username", "ip_address"]
AXES_ENABLE_ADMIN = False  # core.admin.logins has the pages
AXES_VERBOSE = False

LANGUAGE_CODE = "en-us"
USE_I18N = True
USE_TZ = True

DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000  # a grid of 1,000 packages whose boxes to remove them are all ticked

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / ".static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
# Pages name the hashed files alone. Maps are for debugging scripts that are not ours: nobody waits for them.
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = ["gif", "ico", "jpg", "map", "png", "webp", "woff", "woff2"]

if TRUSTED_PROXIES:  # from anybody else, core.clients removes both headers
    USE_X_FORWARDED_HOST = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
_https = SITE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = True  # the editor of grids reads the other one
# Not Strict: who follows a link of the weekly mail has to be logged in, and forms have tokens besides.
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 7 * 24 * 3600  # from the login on, however busy an editor is
if _https:  # the prefix has browsers take them from this host alone, and over HTTPS
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
SECURE_HSTS_SECONDS = HSTS_SECONDS
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"  # projects see which site links to them, and no more
X_FRAME_OPTIONS = "DENY"
# What `check --deploy` asks for besides is the operator's decision: whether subdomains have HTTPS too, and preloading.
# That http is redirected is the proxy's work.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]
CSRF_FAILURE_VIEW = "core.admin.site.csrf_failure"
CSRF_TRUSTED_ORIGINS = [f"{urlsplit(SITE_URL).scheme}://{urlsplit(SITE_URL).netloc}"] if SITE_URL else []

REST_FRAMEWORK = {
    # Read-only and public: there is no login, so no request touches sessions or users.
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_RENDERER_CLASSES": [
        "core.api.renderers.FastJSONRenderer",
        "core.pages.renderer.PageRenderer",
    ],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "core.api.negotiation.StrictNegotiation",
    "DEFAULT_SCHEMA_CLASS": "core.api.schema.CatalogueSchema",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Package Grids",
    "DESCRIPTION": "A catalogue of reusable packages, sorted into categories and compared side by side in grids. "
    "Read-only. A parameter that is unknown, empty (but for cursor and the search's q), given twice (unless it is a "
    "list) or not of its kind gets 400, never a guess.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v4/",
    "COMPONENT_NO_READ_ONLY_REQUIRED": True,
    "SERVERS": [{"url": "/", "description": "The host of this document."}],
    "LICENSE": {"name": "MIT (of the program)", "identifier": "MIT"},
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {"VerdictEnum": "packages.health.verdicts.VERDICTS"},  # of more than one key
    "PREPROCESSING_HOOKS": ["core.api.schema.of_v4"],
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "core.api.schema.finished"],
}

# Times of log lines are those of TIME_ZONE, with their offset; gunicorn's own lines have the same form.
LOG_LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s%(in_request)s"
LOG_TIME = "%Y-%m-%dT%H:%M:%S%z"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"of_site": {"()": "core.logs.formatter", "form": LOG_FORMAT, "line": LOG_LINE, "time": LOG_TIME}},
    "filters": {"one_line": {"()": "core.logs.without_traceback"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "of_site"},
        "one_line": {"class": "logging.StreamHandler", "formatter": "of_site", "filters": ["one_line"]},
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django.request": {"level": "ERROR"},  # a wrong request has its line among the requests
        "django.security": {"handlers": ["one_line"], "propagate": False},
        "axes": {"level": "ERROR"},  # core.logs and core.logins have one line for each failure, and each lock
        "django.server": {"handlers": ["stderr"], "level": "INFO" if ACCESS_LOG else "WARNING", "propagate": False},
    },
}
