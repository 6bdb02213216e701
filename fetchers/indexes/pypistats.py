"""pypistats.org: the downloads of a project in the last 30 days, without mirrors.

Source: pypistats.org/api, which wants at most one request a day for each project, and not for every project.
"""

from fetchers.network.http import Upstream, parsing
from packages.facts import MAX_DOWNLOADS, DownloadFacts, Fetched, FetchTarget, InvalidFactError, count, mapping


def read(upstream: Upstream, target: FetchTarget) -> Fetched[DownloadFacts]:
    """Return the downloads of a project, without validators: the service has no conditional requests."""
    response = upstream.get(f"packages/{target.pypi_name}/recent")
    with parsing():
        document = mapping(response.document(), "the response")
        if document.get("package") != target.pypi_name:
            raise InvalidFactError("the response is about another project")
        data = mapping(document.get("data"), "data")
        return Fetched(DownloadFacts(count(data.get("last_month"), "last_month", MAX_DOWNLOADS)), {})
