"""The examination of a setup (`manage.py doctor`): what is wrong with it, and what mends it.

Each part is examined by a function of its own, which yields findings. What Django's checks and the probes find is taken
from them. What cannot be examined, as without the database, is a finding too, and no traceback.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain

from django.db import DatabaseError, InterfaceError

from config.doctor import database, files, machine, services, site
from core import hooks
from core.hooks import Finding

Examine = Callable[[], Iterable[Finding]]
EXAMINATIONS: Mapping[str, Examine] = {
    "settings": site.examine_settings,
    "debug": site.examine_debug,
    "hosts of the site": site.examine_hosts,
    "proxy": site.examine_proxy,
    ".env": site.examine_env_file,
    "python": machine.examine_python,
    "libraries": machine.examine_libraries,
    "open files": machine.examine_open_files,
    "disk": machine.examine_disks,
    "static files": files.examine_static,
    "dumps": files.examine_dumps,
    "serving": database.examine_serving,
    "database version": database.examine_version,
    "database role": database.examine_role,
    "database rights": database.examine_rights,
    "extensions": database.examine_extensions,
    "connections": database.examine_connections,
    "vacuum": database.examine_vacuum,
    "clock": database.examine_clock,
    "replica": database.examine_replica,
    "redis": services.examine_redis,
    "mail": services.examine_mail,
}


def findings() -> list[Finding]:
    """Return the findings about all parts."""
    every = {**EXAMINATIONS, **hooks.examinations}
    return list(chain.from_iterable(_findings(name, examine) for name, examine in every.items()))


def _findings(name: str, examine: Examine) -> Iterator[Finding]:
    try:
        yield from examine()
    except (DatabaseError, InterfaceError):
        yield Finding(name, "warning", "Not known without the database.", "Mend the database first.")
    except Exception as error:  # noqa: BLE001 (a part that cannot be examined is a finding, and the others follow)
        reason = " ".join(str(error).split()) or type(error).__name__
        yield Finding(name, "warning", f"It could not be examined: {reason}.", "See what the reason says.")
