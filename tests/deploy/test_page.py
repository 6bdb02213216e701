"""Every command of deploy/README.md, run in order on a machine within the machine, with requests going on."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.deploy.machine import SITE, Machine, commit, machine
from tests.deploy.page import FOLDER, STEPS, commands, section
from tests.servers import ROOT

pytestmark = pytest.mark.more
# What the page types, and what runs here: a command that asks, and needs a terminal.
IN_PLACE_OF = {"createsuperuser": "createsuperuser --no-input --username admin --email admin@example.org"}
PASSWORD = "a-long-password-of-tests"
TIMERS = {"refresh", "downloads", "advisories", "health", "dump", "backup"}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which the page was followed, with the sample catalogue."""
    with machine(tmp_path_factory.mktemp("machine")) as bare:
        for step in STEPS:
            for block in commands(step):
                follow(bare, block)
        manage(bare, "load_sample")
        yield bare


def follow(machine: Machine, block: str) -> str:
    for typed, run in IN_PLACE_OF.items():
        block = block.replace(typed, run)
    return machine.run(f"export DJANGO_SUPERUSER_PASSWORD={PASSWORD}\n{block}")


def manage(machine: Machine, *arguments: str, user: str = "grids") -> str:
    return machine.run(f"runuser -u {user} -- .venv/bin/python manage.py {' '.join(arguments)}")


def get(machine: Machine, path: str, *options: str) -> tuple[int, dict[str, str], str]:
    """Request a path through nginx, and return the status, the headers by their names in lower case, and the body."""
    url = f"https://{SITE}{path}"
    output = machine.run(f"curl --silent --show-error --http1.1 --dump-header - {' '.join(options)} '{url}'")
    head, _, body = output.partition("\n\n")
    status, *lines = head.splitlines()
    return int(status.split()[1]), {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}, body


@contextmanager
def requests_going_on(machine: Machine) -> Iterator[dict[str, int]]:
    """Count the requests that get each status, from before the block until it ends; the counts are known then."""
    counts: dict[str, int] = {}
    program = f"REQUESTS_CA_BUNDLE=$CURL_CA_BUNDLE exec .venv/bin/python /shared/client.py {SITE}"
    with machine.start(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        yield counts
        counts |= json.loads(client.communicate(timeout=120)[0])


def static_files_of(deployed: Machine) -> list[str]:
    """Return the paths of the static files of a page, at least its style sheet and its script."""
    page = get(deployed, "/api/v4/", "-H", "'Accept: text/html'")[2]
    paths = re.findall(r'"(/static/[^"]+)"', page)
    assert len(paths) > 1
    return paths


def style_of(deployed: Machine) -> str:
    return next(path for path in static_files_of(deployed) if path.startswith("/static/pages/site.") and "css" in path)


def sql(machine: Machine, statement: str, role: str = "grids") -> str:
    return machine.run(f'runuser -u {role} -- psql -h /run/postgresql -qAt grids -c "{statement}" 2>&1 || true').strip()


def test_requests_go_through_nginx(deployed: Machine) -> None:
    status, headers, body = get(deployed, "/api/v4/packages/?limit=1000&fields=slug", "-H", "'X-Forwarded-Host: evil'")
    assert (status, headers["content-type"]) == (200, "application/json")
    assert {"ralph", "netbox"} <= {package["slug"] for package in json.loads(body)["results"]}
    assert "evil" not in body
    assert headers["strict-transport-security"].startswith("max-age=31536000")
    assert (headers["server"], "x-powered-by" in headers) == ("nginx", False)
    assert headers["x-request-id"]
    assert get(deployed, "/api/v4/", "--compressed")[1]["content-encoding"] in {"br", "gzip"}
    ids = ",".join(map(str, range(4000, 5000)))
    assert get(deployed, f"/api/v4/packages/?id__in={ids}")[0] == 200
    redirect = deployed.run(f"curl -s -o /dev/null -w '%{{http_code}} %{{redirect_url}}' http://{SITE}/api/v4/?x=1")
    assert redirect == f"301 https://{SITE}/api/v4/?x=1"
    assert "unrecognized name" in deployed.run("curl -sSk https://other.example.org/ 2>&1 || true")
    assert not deployed.run("curl -s http://other.example.org/ || true")


def test_what_nginx_refuses_is_json(deployed: Machine) -> None:
    for path, options, status in (
        ("/api/v4/?q=" + "x" * 17000, "", 414),
        ("/api/v4/?q=" + "x" * 8300, "", 414),  # gunicorn's own bound
        ("/api/v4/", f"-H 'X-Long: {'x' * 17000}'", 400),
        ("/api/v4/", "-X POST --data-binary @/usr/bin/openssl", 413),
    ):
        got, headers, body = get(deployed, path, options)
        assert (got, headers["content-type"], list(json.loads(body))) == (status, "application/json", ["detail"])
        assert headers["access-control-allow-origin"] == "*"
    for path in ("/metrics", "/metrics/", "//metrics", "/%6detrics", "/x/../metrics", "/static/staticfiles.json"):
        status, headers, body = get(deployed, path, "--path-as-is")
        assert (status, headers["content-type"]) == (404, "application/json"), path
        assert json.loads(body)["detail"], path
    flood = f"curl -s -o /dev/null -w '%{{http_code}}\\n' 'https://{SITE}/healthz?[1-150]'"
    statuses = deployed.run(flood).split()
    assert set(statuses) == {"200", "429"}
    deployed.run("sleep 4")  # until nginx has forgotten the flood


def test_metrics_are_for_the_machine_alone(deployed: Machine) -> None:
    [line] = re.findall(r"^\| metrics \| `(.*)` \|$", section("Every day"), re.MULTILINE)
    assert "# HELP" in deployed.run(line)


def test_static_files_and_dumps_come_from_nginx(deployed: Machine) -> None:
    for path in static_files_of(deployed):
        status, headers, _ = get(deployed, path, "-H", "'Accept-Encoding: gzip'", "--output /dev/null")
        assert (status, headers.get("content-encoding")) == (200, "gzip")
        by_gunicorn = deployed.run(
            f"curl -s -o /dev/null -D - -H 'Accept-Encoding: gzip' -H 'Host: {SITE}' -H 'X-Forwarded-Proto: https'"
            f" --unix-socket /run/package-grids.sock http://localhost{path}"
        ).lower()
        for name in headers.keys() - {"server", "date", "etag", "content-type", "content-length"}:
            assert f"{name}: {headers[name]}".lower() in by_gunicorn
    deployed.run("systemctl start package-grids-run@dump")
    _, _, listed = get(deployed, "/api/v4/dumps/")
    manifest = json.loads(listed)["results"][0]["manifest"].removeprefix(f"https://{SITE}")
    status, headers, body = get(deployed, manifest)
    assert (status, headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    assert json.loads(body)["files"]
    assert get(deployed, f"/_dumps/{manifest.split('dumps/')[1]}")[0] == 404


def test_every_timer_has_a_job_that_runs(deployed: Machine) -> None:
    timers = deployed.run("systemctl list-timers 'package-grids*'").split()
    assert {timer.split("@")[1].removesuffix(".timer") for timer in timers} == TIMERS
    for job in ("health", "dump", "backup"):
        deployed.run(f"systemctl start package-grids-run@{job}")
    for job in ("refresh", "downloads", "advisories"):  # without a network they fetch nothing, and say so
        output = deployed.run(f"systemctl start package-grids-run@{job} 2>&1 || true")
        assert ("server_error" in output, "done in" in output) == (True, True), output


def test_the_units_are_hardened(deployed: Machine) -> None:
    """`systemd-analyze verify` has read them in step 7. 0 is a service that may do nothing, 10 one that may do all."""
    for unit in ("package-grids.service", "package-grids-run@refresh.service"):
        output = deployed.run(f"cd /etc/systemd/system; systemd-analyze security --offline=yes --threshold=25 {unit}")
        assert "Overall exposure level" in output


def test_the_serving_role_reads_and_writes_rows_alone(deployed: Machine) -> None:
    deployed.python("edit.py", SITE, "Edited", PASSWORD)
    assert sql(deployed, "SELECT count(*) FROM categories_category WHERE title = 'Edited'") == "1"
    for statement in (
        "DROP TABLE packages_package",
        "ALTER TABLE packages_package ADD COLUMN x int",
        "ALTER TABLE packages_package DISABLE TRIGGER ALL",
        "DROP TRIGGER changes_commit ON changes_pending",
        "TRUNCATE packages_package CASCADE",
        "CREATE TABLE x ()",
        "CREATE TEMPORARY TABLE x ()",
        "CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION changes_number() RETURNS void LANGUAGE sql AS ''",
        "SET session_replication_role = replica",
        "SET ROLE grids_owner",
    ):
        assert re.match("ERROR:  (must be owner|permission denied)", sql(deployed, statement)), statement
    refused = "psql -h /run/postgresql -U grids_owner grids -c 'SELECT 1' 2>&1 || true"
    assert "Peer authentication failed" in deployed.run(f"runuser -u grids -- {refused}")


def test_a_restart_keeps_requests_waiting(deployed: Machine) -> None:
    with requests_going_on(deployed) as counts:
        deployed.run("sleep 1; systemctl restart package-grids; sleep 1")
    assert set(counts) == {"200"}, counts


def upgrade(deployed: Machine) -> None:
    """Commit a new version: another number, a migration, a style sheet, and one line of the lock file less."""
    source = deployed.folder / "shared" / "source"
    settings, style = source / "config" / "settings.py", source / "core" / "static" / "pages" / "site.css"
    settings.write_text(settings.read_text("utf-8").replace('VERSION = "', 'VERSION = "9.9.9-'), "utf-8")
    style.write_text(style.read_text("utf-8") + "\n.rehearsal { color: red; }\n", "utf-8")
    last = max(path.stem for path in (source / "fetchers" / "migrations").glob("0*.py"))
    (source / "fetchers" / "migrations" / "0999_rehearsal.py").write_text(
        f"""from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("fetchers", "{last}")]
    operations = [migrations.RunSQL("CREATE TABLE rehearsal (id int)", "DROP TABLE rehearsal")]
""",
        "utf-8",
    )
    commit(source, "A new version")


def test_an_upgrade_and_the_way_back(deployed: Machine) -> None:
    [up], [back] = commands("Upgrade"), commands("Roll back")
    style = style_of(deployed)
    upgrade(deployed)
    with requests_going_on(deployed) as counts:
        follow(deployed, up)
        for _ in range(60):
            if style_of(deployed) != style:
                break
            deployed.run("sleep 0.5")
    assert (set(counts), sum(counts.values()) > 20) == ({"200"}, True), counts
    assert style_of(deployed) != style
    assert get(deployed, style)[0] == 200, "pages that are open still have their style"
    assert "9.9.9" in get(deployed, "/api/v4/schema/?format=json")[2]
    assert sql(deployed, "SELECT count(*) FROM rehearsal") == "0"

    follow(deployed, back)
    assert style_of(deployed) == style
    assert "9.9.9" not in get(deployed, "/api/v4/schema/?format=json")[2]
    assert "does not exist" in sql(deployed, "SELECT count(*) FROM rehearsal")
    assert json.loads(get(deployed, "/readyz")[2])["ready"] is True
    deployed.run('git checkout --quiet main && git reset --quiet --hard "$(cat /root/package-grids-before)"')


def test_a_restore_from_before(deployed: Machine) -> None:
    """All that was written after the backup is gone, cached pages too, and a mirror that has read it starts afresh."""
    [restore] = commands("Restore")
    deployed.run("systemctl start package-grids-run@backup")
    _, etag_before, before = get(deployed, "/api/v4/categories/")
    deployed.python("edit.py", SITE, "Lost", PASSWORD)
    _, headers, after = get(deployed, "/api/v4/categories/")
    assert ("Lost" in before, "Lost" in after) == (False, True)
    read = json.loads(get(deployed, "/api/v4/changes/?since=0&limit=1000")[2])["until"]
    revisions = "SELECT string_agg(kind || number, ' ' ORDER BY kind) FROM changes_revision WHERE kind = 'categories'"
    old = sql(deployed, revisions)

    follow(deployed, restore)
    assert "Lost" not in get(deployed, "/api/v4/categories/")[2]
    for etag in (headers["etag"], etag_before["etag"]):
        assert get(deployed, "/api/v4/categories/", "-H", f"'If-None-Match: {etag}'")[0] == 200
    assert sql(deployed, revisions) > old
    for since in (0, read - 1, read):
        status, _, body = get(deployed, f"/api/v4/changes/?since={since}")
        assert (status, json.loads(body)["newest"] > read) == (410, True)
    newest = json.loads(body)["newest"]
    deployed.python("edit.py", SITE, "Found", PASSWORD)
    change = json.loads(get(deployed, f"/api/v4/changes/?since={newest}")[2])["results"][0]
    assert (change["number"], change["slug"], change["action"]) == (newest + 1, "found", "created")
    dumps = json.loads(get(deployed, "/api/v4/dumps/")[2])["results"]
    manifest = json.loads(get(deployed, dumps[0]["manifest"].removeprefix(f"https://{SITE}"))[2])
    assert manifest["change"] == newest, "a mirror that starts afresh can start from it"
    assert {
        timer.split("@")[1].removesuffix(".timer") for timer in deployed.run("systemctl list-timers").split()
    } >= TIMERS
    deployed.run("runuser -u postgres -- dropdb grids_before")


def test_socket_activation(deployed: Machine) -> None:
    """systemd's own program hands the socket over, as the page has it for a machine without systemd."""
    pattern = r"^    rm -f .*\n    systemd-socket-activate .*\n(?:.*\n){2}    chown .*$"
    [lines] = re.findall(pattern, section("Another way"), re.MULTILINE)
    socket = "/run/by-hand.sock"
    lines = lines.replace("/run/package-grids.sock", socket).replace(" &\n", " &>/dev/null &\n")
    ask = f"curl -s -H 'Host: {SITE}' --retry 5 --retry-all-errors --unix-socket {socket} http://localhost/healthz"
    output = deployed.run(f"{lines}\nstat -c '%U %a' {socket}; {ask}; kill $!; wait $! || true")
    assert output == "www-data 600\nok\n"


def test_the_container_file_is_sound() -> None:
    """hadolint reads it; no image is built, since that needs a registry."""
    hadolint = str(ROOT / ".venv" / "hadolint" / "bin" / "hadolint")
    done = subprocess.run(
        [hadolint, "--no-color", str(FOLDER / "Containerfile")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
