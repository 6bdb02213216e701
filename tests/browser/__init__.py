"""The pages in Chromium, served by gunicorn as in production (make test-browser)."""
