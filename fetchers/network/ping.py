"""The ping: one request that tells a monitor that a run ended well. A monitor that hears nothing sounds the alarm."""

import logging
import time
from urllib.parse import urlsplit

from fetchers.network.http import FetchError, HttpSession

SECONDS = 10.0
MAX_BYTES = 64 * 1024

logger = logging.getLogger(__name__)


def ping(url: str, user_agent: str, *, allow_private: bool = False) -> bool:
    """Send a GET to `url`, follow no redirect, and return whether the response is a success. It raises nothing: a run
    does not fail by it. The log names the host alone: the rest of the URL is a secret."""
    session = HttpSession(user_agent, allow_private=allow_private)
    try:
        status = session.request("GET", url, None, MAX_BYTES, {}, time.monotonic() + SECONDS).status
        problem = "" if 200 <= status < 300 else str(status)
    except FetchError as error:
        problem = str(error.outcome)
    except Exception as error:  # noqa: BLE001 (whatever it is, the run has ended well)
        problem = type(error).__name__
    finally:
        session.close()
    if problem:
        logger.warning("The ping to %s failed: %s", urlsplit(url).hostname, problem)
    return not problem
