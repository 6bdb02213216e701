"""pypistats.org: how often a project was downloaded in the last 30 days, mirrors left out.

Source: pypistats.org/api, which asks for one request a project and day at most, and not for every project.
"""

from fetchers.network.http import Host, parsing
from packages.facts import DownloadFacts, Fetched, FetchTarget, InvalidFactError, count, mapping


def read(host: Host, known: FetchTarget) -> Fetched[DownloadFacts]:
    """The downloads of a project. It has no validators: the service knows no conditional requests."""
    answer = host.get(f"packages/{known.pypi_name}/recent")
    with parsing():
        document = mapping(answer.document(), "the answer")
        if document.get("package") != known.pypi_name:
            raise InvalidFactError("the answer is about another project")
        data = mapping(document.get("data"), "data")
        return Fetched(DownloadFacts(count(data.get("last_month"), "last_month")), {})
