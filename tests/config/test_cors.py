"""Pages of other sites may read the API, and nothing else."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db
ELSEWHERE = {"origin": "https://elsewhere.example"}


@pytest.mark.parametrize("path", ["", "packages/", "search/?q=x", "packages/nope/", "packages/?x=y", "schema/"])
def test_the_api_may_be_read(client: Client, path: str) -> None:
    response = client.get(f"/api/v4/{path}", headers=ELSEWHERE)
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["Access-Control-Expose-Headers"] == "Link, X-Total-Count, ETag"
    assert "Access-Control-Allow-Credentials" not in response


def test_asking_before_reading(client: Client) -> None:
    asked = {**ELSEWHERE, "access-control-request-method": "GET"}
    response = client.options("/api/v4/packages/", headers=asked)
    assert response.status_code == 200
    assert response["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"


def test_admin_may_not(client: Client) -> None:
    assert "Access-Control-Allow-Origin" not in client.get("/admin/login/", headers=ELSEWHERE)
