"""Examinations of the settings: what may be set so, but does not go together, or is not for production."""

import os
from collections.abc import Iterator
from stat import S_IRGRP, S_IRWXG, S_IRWXO
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.http.request import split_domain_port, validate_host

from core.hooks import Finding, Level

# Of Django's checks of a deployment: what a site behind a proxy leaves to the proxy, and DEBUG, which is examined here.
LEFT_OUT = {"security.W008", "security.W018"}
# In the words of our own settings
REMEDIES = {"security.W004": "Once all of the site works with https, set HSTS_SECONDS=31536000."}


def examine_settings() -> Iterator[Finding]:
    """Yield what Django's own checks find, those of a deployment too."""
    found = [
        each
        for each in checks.run_checks(include_deployment_checks=not settings.DEBUG)
        if each.id not in LEFT_OUT and not each.is_silenced()
    ]
    for each in found:
        level: Level = "problem" if each.level >= checks.ERROR else "warning"
        yield Finding(
            f"settings ({each.id})", level, each.msg, REMEDIES.get(each.id or "") or each.hint or _look_for(each.id)
        )
    if not found:
        yield Finding("settings", "ok", "Django's checks find nothing.")


def _look_for(check: str | None) -> str:
    return f"Look for {check} in the documentation of Django's checks."


def examine_debug() -> Iterator[Finding]:
    if settings.DEBUG:
        yield Finding(
            "debug",
            "problem",
            "DEBUG is on: errors show visitors settings and code, and memory grows.",
            "Remove DEBUG from .env and from the environment, unless you are only trying things.",
        )
    else:
        yield Finding("debug", "ok", "DEBUG is off.")


def examine_hosts() -> Iterator[Finding]:
    name = "hosts of the site"
    host, _ = split_domain_port(urlsplit(settings.SITE_URL).netloc)
    if not host:
        sentence = "SITE_URL is not set: links begin with whatever Host a client sends."
        yield Finding(name, "warning", sentence, "Set SITE_URL, such as https://packages.example.org.")
    elif not validate_host(host, settings.ALLOWED_HOSTS):
        sentence = f"SITE_URL leads to {host}, which ALLOWED_HOSTS does not name: every visitor gets 400."
        yield Finding(name, "problem", sentence, f"Add {host} to ALLOWED_HOSTS.")
    elif "*" in settings.ALLOWED_HOSTS:
        sentence = "ALLOWED_HOSTS has “*”: whatever Host a client sends is taken for the site's."
        yield Finding(name, "warning", sentence, f"Set ALLOWED_HOSTS={host}.")
    else:
        yield Finding(name, "ok", f"The site is served as {settings.SITE_URL}.")


def examine_proxy() -> Iterator[Finding]:
    trusted = settings.TRUSTED_PROXIES
    if settings.SITE_URL.startswith("https://") and not trusted:
        yield Finding(
            "proxy",
            "problem",
            "SITE_URL is https, but no proxy is trusted: all clients have the address of the proxy, and forms in admin"
            " are refused.",
            "Set TRUSTED_PROXIES to the address of the proxy, such as 127.0.0.1.",
        )
    else:
        yield Finding("proxy", "ok", "A proxy is trusted." if trusted else "No proxy is trusted, and none is needed.")


def examine_env_file() -> Iterator[Finding]:
    file = settings.BASE_DIR / ".env"
    if not file.exists():
        yield Finding(".env", "ok", "There is none: all settings are from the environment.")
        return
    stat = file.stat()
    # A user of the site to whom the file does not belong reads it through its group.
    needed = 0 if stat.st_uid == os.geteuid() else S_IRGRP
    if stat.st_mode & (S_IRWXG | S_IRWXO) & ~needed:
        yield Finding(".env", "problem", "Other users may read .env, which has secrets.", f"Run: chmod 600 {file}")
    else:
        yield Finding(".env", "ok", "Nobody but the site may read it.")
