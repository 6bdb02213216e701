"""What parts of the site note of a request in WSGI's environment, for metrics and for gunicorn's log."""

VIEW = "grids.view"  # the name of the URL that it is of
CACHE = "grids.cache"  # what the cache did
