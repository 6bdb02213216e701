"""Logs in to admin and adds a category, as an editor does. A program of its own, run on the machine: `edit.py SITE
TITLE PASSWORD`."""

import sys

import requests


def main(site: str, title: str, password: str) -> None:
    session = requests.Session()
    session.headers["Referer"] = f"https://{site}/admin/"
    login, add = f"https://{site}/admin/login/", f"https://{site}/admin/categories/category/add/"
    for url, form in (
        (login, {"username": "admin", "password": password, "next": "/admin/"}),
        (add, {"title": title, "slug": title.lower(), "description": ""}),
    ):
        session.get(url, timeout=60).raise_for_status()
        form["csrfmiddlewaretoken"] = session.cookies["__Host-csrftoken"]
        response = session.post(url, form, timeout=60, allow_redirects=False)
        if response.status_code != requests.codes.found:
            sys.exit(f"{url}: {response.status_code}\n{response.text}")


main(*sys.argv[1:])
