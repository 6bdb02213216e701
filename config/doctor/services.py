"""Examinations of what else the site talks to: Redis, and the mail server."""

import smtplib
from collections.abc import Iterator

from django.conf import settings
from django.core.mail import get_connection

from core.hooks import Finding

EVICTS = ("allkeys-lru", "allkeys-lfu", "allkeys-random")


def examine_redis() -> Iterator[Finding]:
    url: str = settings.CACHE_URL
    if not url.startswith(("redis://", "rediss://")):
        if url == "dummy://":
            sentence = "CACHE_URL is dummy://: every response is built anew."
            yield Finding("redis", "warning", sentence, "Remove CACHE_URL, or set it to a Redis.")
        return
    import redis  # noqa: PLC0415 (its client takes 7 MB, which few need)

    try:
        memory = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2, protocol=2).info("memory")
    except redis.RedisError:  # which the examination of the cache has said
        return
    most, policy = int(memory.get("maxmemory", 0)), str(memory.get("maxmemory_policy", ""))
    if not most:
        sentence = "Redis has no maxmemory: it may take all memory of its machine."
        yield Finding("redis", "warning", sentence, "Set maxmemory 64mb or more in redis.conf.")
    if policy not in EVICTS:
        sentence = f"The maxmemory-policy of Redis is {policy}: once it is full, nothing new is cached."
        yield Finding("redis", "warning", sentence, "Set maxmemory-policy allkeys-lru in redis.conf.")
    if most and policy in EVICTS:
        yield Finding("redis", "ok", f"It has {most // 2**20} MB, and {policy}.")


def examine_mail() -> Iterator[Finding]:
    if not settings.DESK_MAIL:
        yield Finding("mail", "ok", "DESK_MAIL is not set: no mail is sent.")
        return
    server = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        with get_connection(fail_silently=False):
            yield Finding("mail", "ok", f"{server} takes mail.")
    except (OSError, smtplib.SMTPException) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        sentence = f"{server} takes no mail ({reason}), so the weekly mail cannot be sent."
        yield Finding("mail", "problem", sentence, "Set EMAIL_HOST, EMAIL_PORT and the account as your provider says.")
