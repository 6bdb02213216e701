"""Requests a page after the other until its standard input ends, and prints how many got which status; what got none is
lost. A program of its own, run on the machine: `client.py SITE`."""

import json
import select
import sys
from collections import Counter
from itertools import cycle

import requests

PAUSE_SECONDS = 0.15  # within the allowance of a client


def main(site: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for path in cycle(("/api/v4/packages/?limit=5", "/", "/api/v4/categories/", "/healthz")):
        try:
            response = requests.get(f"https://{site}{path}", timeout=60)
        except requests.RequestException as error:
            counts[f"lost: {type(error).__name__}"] += 1
        else:
            counts[str(response.status_code)] += 1
        if select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
            break
    return counts


sys.stdout.write(json.dumps(main(sys.argv[1])))
