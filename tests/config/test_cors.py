"""CORS: pages of other sites may read the API, and nothing else."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db
ELSEWHERE = {"origin": "https://elsewhere.example"}


@pytest.mark.parametrize("path", ["", "packages/", "search/?q=x", "packages/nope/", "packages/?x=y", "schema/"])
def test_other_sites_may_read_the_api(client: Client, path: str) -> None:
    response = client.get(f"/api/v4/{path}", headers=ELSEWHERE)
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["Access-Control-Expose-Headers"] == "Link, X-Total-Count, ETag"
    assert "Access-Control-Allow-Credentials" not in response


def test_a_preflight_request(client: Client) -> None:
    headers = {**ELSEWHERE, "access-control-request-method": "GET"}
    response = client.options("/api/v4/packages/", headers=headers)
    assert response.status_code == 200
    assert response["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"


def test_other_sites_may_not_read_admin(client: Client) -> None:
    assert "Access-Control-Allow-Origin" not in client.get("/admin/login/", headers=ELSEWHERE)
