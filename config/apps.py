from django.contrib.admin.apps import AdminConfig


class DocumentAdminConfig(AdminConfig):
    """Django's admin with a site of our own."""

    default_site = "core.admin.site.DocumentSite"
