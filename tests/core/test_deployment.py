"""What a deployer starts: closed by default, restarted when it falls, asked how it is."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
LASTING = [name for name in SERVICES if name not in {"migrate", "console"}]


def test_the_services_are_the_database_what_serves_and_two_commands() -> None:
    assert set(SERVICES) == {"db", "migrate", "web", "watch", "console"}
    assert SERVICES["console"]["profiles"] == ["console"]  # only when somebody asks for it


@pytest.mark.parametrize("name", list(SERVICES))
def test_a_container_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] not in {"root", "0", "0:0"}
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")


@pytest.mark.parametrize("name", LASTING)
def test_what_should_run_for_ever_is_watched_and_restarted(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", ["web", "watch"])
def test_nothing_serves_before_the_database_is_migrated(name: str) -> None:
    waits = SERVICES[name]["depends_on"]["migrate"]["condition"]
    assert waits == "service_completed_successfully"


@pytest.mark.parametrize(
    ("name", "secret", "role"),
    [
        ("web", "database_url", "IN ROLE vigil_app"),
        (
            "watch",
            "watch_database_url",
            "NOINHERIT IN ROLE vigil_watch, vigil_sealer, vigil_auditor",
        ),
        (
            "console",
            "console_database_url",
            "NOINHERIT IN ROLE vigil_console, vigil_sealer, vigil_auditor",
        ),
    ],
)
def test_each_logs_in_as_itself_and_may_become_what_it_needs(
    name: str, secret: str, role: str
) -> None:
    """Only what keeps the audit trail may seal it and knows the key; the web may do neither."""
    also = {
        "web": ["secret_key"],
        "watch": ["audit_key"],
        "console": ["secret_key", "audit_key"],
    }
    assert SERVICES[name]["secrets"] == [secret, *also[name]]
    assert SERVICES[name]["environment"]["VIGIL_DATABASE_URL_FILE"] == f"/run/secrets/{secret}"
    made = COMPOSE["configs"]["logins"]["content"]
    login = f"vigil_{name}_login"
    found = re.findall(rf"CREATE ROLE {login} LOGIN PASSWORD :'\w+'([^;]+);", made)
    assert [" ".join(words.split()) for words in found] == [role]
    assert "VIGIL_OWNER_DATABASE_URL_FILE" not in SERVICES[name]["environment"]


def test_only_the_web_can_check_a_password() -> None:
    having = [name for name in SERVICES if "secret_key" in SERVICES[name].get("secrets", [])]
    assert having == ["web", "console"]  # the console gives people other passwords


def test_only_the_web_is_reached_from_outside_and_only_through_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(published) == ["web"]
    assert all(port.startswith("127.0.0.1:") for port in published["web"])


def test_every_secret_is_a_file_that_is_never_committed() -> None:
    ignored = (ROOT / ".gitignore").read_text().split()
    assert "/secrets/" in ignored
    for secret in COMPOSE["secrets"].values():
        assert secret["file"].startswith("./secrets/")
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or str(value).startswith("/run/secrets/")


def test_a_health_check_runs_python_that_compiles() -> None:
    for name in ("web", "watch"):
        command = SERVICES[name]["healthcheck"]["test"]
        assert command[1:3] == ["python", "-c"]
        compile(command[3], name, "exec")


def test_the_image_is_built_by_the_makefile_and_does_not_run_as_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert "RUN make setup" in lines
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
    assert not [line for line in lines if line.startswith("RUN") and "pip install" in line]


LOCKS = [
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-npm.txt",
    "requirements-audit.txt",
]


@pytest.mark.parametrize("lock", [*LOCKS, "package-lock.json"])
def test_a_lock_names_no_host(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not re.search(r"://|index-url|find-links|\"resolved\"", text)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_library_has_one_version_and_its_hashes(lock: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9.-]+(\[[a-z,]+\])?==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for lock, wanted in {
        "requirements.txt": project["project"]["dependencies"],
        "requirements-dev.txt": project["dependency-groups"]["dev"],
        "requirements-npm.txt": project["dependency-groups"]["npm"],
        "requirements-audit.txt": project["dependency-groups"]["audit"],
    }.items():
        text = (ROOT / lock).read_text()
        for requirement in wanted:
            pin = requirement.split(";")[0].strip()
            assert re.search(rf"^{re.escape(pin)}\b", text, re.MULTILINE), f"{pin} not in {lock}"
