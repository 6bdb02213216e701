"""Questions of people who choose a package, with the right answers on the sample catalogue.

The answers follow from `fetchers/sample/`: from what the packages do, and from what they say of versions and licences.
"""

from collections.abc import Collection
from typing import Any, NamedTuple


class Question(NamedTuple):
    """A question, the arguments of `pick` for it, the packages of which the first pick must be one, and those that must
    not be among the picks."""

    asks: str
    arguments: dict[str, Any]
    right: set[str]
    wrong: Collection[str] = ()


QUESTIONS = (
    Question(
        "What do I build a REST API with?",
        {"about": "REST API framework", "django": "5.2"},
        {"djangorestframework"},
        {"django-piston", "django-ninja"},  # one is gone, the other names no Django after 5.0
    ),
    Question("Web APIs from type hints?", {"about": "web APIs from Python type hints"}, {"django-ninja"}),
    Question(
        "Users are to sign in with their accounts elsewhere.",
        {"about": "sign in through third parties or other services", "django": "5.2"},
        {"django-allauth", "social-app-django"},
    ),
    Question("A second factor?", {"about": "two-factor authentication"}, {"django-two-factor-auth", "django-otp"}),
    Question(
        "A second factor for Django 5.2?",
        {"about": "second factor", "django": "5.2"},
        {"django-otp"},
        {"django-two-factor-auth"},  # it names 4.2 and 5.0
    ),
    Question(
        "How do I stop those who guess passwords?",
        {"about": "lock out brute force attackers after failed logins"},
        {"django-axes"},
    ),
    Question(
        "Tokens for an API made with Django REST framework?",
        {"about": "JSON Web Token authentication for a REST API", "python": "3.13"},
        {"djangorestframework-simplejwt"},
        {"django-rest-auth"},  # deprecated
    ),
    Question(
        "OpenAPI for Django REST framework, still maintained?",
        {"about": "OpenAPI schema for Django REST framework", "level": "good"},
        {"drf-spectacular"},
        {"django-rest-swagger"},  # unmaintained
    ),
    Question(
        "Redis as a cache?", {"about": "cache backend that stores data in Redis", "django": "5.2"}, {"django-redis"}
    ),
    Question("How do I serve static files without nginx?", {"about": "serve static files"}, {"whitenoise"}),
    Question(
        "Why is this view slow?",
        {"about": "profile slow requests and database queries"},
        {"django-silk", "django-debug-toolbar"},
    ),
    Question(
        "Thumbnails for Django 5.1?",
        {"about": "image thumbnails", "django": "5.1"},
        {"sorl-thumbnail"},
        {"easy-thumbnails", "django-imagekit"},  # they name no Django after 5.0, and after 4.2
    ),
    Question(
        "Nested categories, for Django 5.2?",
        {"about": "store trees of model instances", "django": "5.2"},
        {"django-mptt"},
        {"django-treebeard"},  # it names no Django after 5.0
    ),
    Question("Tags?", {"about": "tags for any model"}, {"django-taggit"}),
    Question("Objects for tests?", {"about": "factories in place of test fixtures"}, {"factory_boy"}),
    Question(
        "Content in several languages?",
        {"about": "translate the content of models", "django": "5.2"},
        {"django-modeltranslation"},
        {"django-parler"},  # it names no Django after 3.2
    ),
    Question(
        "Who changed what, when?",
        {"about": "history of model changes in the admin", "django": "5.2"},
        {"django-simple-history"},
        {"django-reversion"},  # it names no Django after 5.1
    ),
    Question(
        "A CMS under a licence of the BSD family?",
        {"about": "content management system", "licence": "BSD-3-Clause", "level": "good"},
        {"wagtail"},  # more stars and downloads than django-cms, both thriving
    ),
    Question("Periodic tasks?", {"about": "schedule periodic Celery tasks"}, {"django-celery-beat"}),
    Question("WebSockets?", {"about": "websockets"}, {"channels"}),
    Question("Uploads on S3?", {"about": "keep uploaded files on Amazon S3"}, {"django-storages"}),
    Question(
        "A modern admin under the MIT licence?",
        {"about": "modern admin theme", "licence": "MIT", "django": "5.2"},
        {"django-unfold"},
        {"django-jazzmin", "django-grappelli"},  # one names no Django 5.2, the other is under BSD
    ),
    Question("One project for many customers?", {"about": "many tenants PostgreSQL schemas"}, {"django-tenants"}),
    Question(
        "GraphQL for Django 5.2?",
        {"about": "GraphQL", "django": "5.2"},
        {"strawberry-graphql-django"},
        {"graphene-django", "saleor"},
    ),
    Question("Email through a mail service?", {"about": "send email through mail services"}, {"django-anymail"}),
    # In other words than the packages use of themselves
    Question("Sign-in by social networks?", {"about": "social login"}, {"social-app-django", "django-allauth"}),
    Question("Work in the background?", {"about": "job queue"}, {"django-rq"}),
    Question("A browser refuses my requests.", {"about": "CORS"}, {"django-cors-headers"}),
    Question("Who may see this object?", {"about": "object permissions", "python": "3.13"}, {"django-guardian"}),
    Question("Data from spreadsheets?", {"about": "import and export of data"}, {"django-import-export"}),
    Question("Where do I begin?", {"about": "template for a new project"}, {"cookiecutter-django"}),
    Question("Full-text search?", {"about": "search with Elasticsearch", "level": "any"}, {"django-haystack"}),
    Question("Forms that look good?", {"about": "render forms in templates"}, {"django-crispy-forms"}),
    Question("What is in the racks?", {"about": "data center inventory of racks and devices"}, {"netbox", "ralph"}),
    Question("A list of countries?", {"about": "country field", "licence": "MIT"}, {"django-countries"}),
    Question("An online shop?", {"about": "ecommerce shop", "licence": "BSD"}, {"django-oscar"}),
    Question("Less JavaScript by hand?", {"about": "minify JavaScript and CSS"}, {"django-compressor"}),
)
