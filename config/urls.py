"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

admin.site.site_header = admin.site.site_title = "Package Grids"
admin.site.index_title = "Catalogue"

handler400 = "config.errors.bad_request"
handler500 = "config.errors.server_error"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="api-root")),
    path("admin/", admin.site.urls),
    path("", include("config.api")),
]
