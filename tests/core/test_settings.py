"""What the deployer says is taken as said, or refused in a sentence that does not repeat it."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from backend.core.settings import Settings, settings


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests, and none remembered."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"VIGIL_{name.upper()}", raising=False)
        monkeypatch.delenv(f"VIGIL_{name.upper()}_FILE", raising=False)


def fresh() -> Settings:
    """What a new process would read."""
    return settings.__wrapped__()


def test_without_a_deployer_vigil_is_reached_from_this_machine_only() -> None:
    assert fresh().host == "127.0.0.1"
    assert fresh().public_origin == "http://127.0.0.1:8000"
    assert fresh().database_url is None
    assert fresh().data_dir.is_absolute()


def test_a_secret_may_stand_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://vigil:s3cret@localhost/vigil\n")
    monkeypatch.setenv("VIGIL_DATABASE_URL_FILE", str(secret))
    url = fresh().database_url
    assert url is not None
    assert url.get_secret_value() == "postgresql://vigil:s3cret@localhost/vigil"
    assert "s3cret" not in repr(fresh())


def test_a_secret_file_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_DATABASE_URL_FILE", "/nowhere/at/all")
    with pytest.raises(SystemExit, match="VIGIL_DATABASE_URL_FILE names a file"):
        fresh()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "90000"),
        ("PORT", "eighty"),
        ("DATABASE_URL", "mysql://u:hunter2@db/x"),
        ("ORIGIN", "ward.local"),
        ("ORIGIN", "https://ward.local/board"),
        ("LOG_LEVEL", "chatty"),
        ("COOKIE_SECURE", "perhaps"),
        ("TRUSTED_PROXIES", "*"),
        ("TRUSTED_PROXIES", "10.0.0.2,proxy.internal"),
    ],
)
def test_a_wrong_setting_is_named_and_not_repeated(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"VIGIL_{name}", value)
    with pytest.raises(SystemExit) as refusal:
        fresh()
    assert str(refusal.value).startswith(f"vigil: VIGIL_{name}: ")
    assert value not in str(refusal.value)


@pytest.mark.parametrize(
    ("origin", "said", "secure"),
    [
        ("", None, False),
        ("https://Vigil.example.org/", None, True),
        ("http://ward.local:8000", None, False),
        ("http://ward.local:8000", "true", True),
        ("https://vigil.example.org", "false", False),
    ],
)
def test_cookies_are_secure_wherever_people_come_over_https(
    origin: str, said: str | None, secure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIL_ORIGIN", origin)
    if said:
        monkeypatch.setenv("VIGIL_COOKIE_SECURE", said)
    assert fresh().secure_cookies is secure


def test_an_ipv6_host_makes_a_valid_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_HOST", "::1")
    monkeypatch.setenv("VIGIL_PORT", "8001")
    assert fresh().public_origin == "http://[::1]:8001"


OPEN = [
    "postgresql://vigil:hunter2@db.internal/vigil",
    "postgresql://vigil:hunter2@db.internal/vigil?sslmode=require",
    "postgresql://vigil:hunter2@10.0.0.7/vigil?sslmode=verify-ca",
    "postgresql://vigil:hunter2@localhost,db.internal/vigil",
    "postgresql://vigil:hunter2@localhost/vigil?hostaddr=10.0.0.7",
    "postgresql://?host=db.internal&password=hunter2",
]
CLOSED = [
    "postgresql://vigil:hunter2@db.internal/vigil?sslmode=verify-full",
    "postgresql://vigil:hunter2@localhost/vigil",
    "postgresql://vigil:hunter2@127.0.0.1/vigil",
    "postgresql://vigil:hunter2@[::1]/vigil",
    "postgresql://vigil@/vigil?host=/run/postgresql",
    "postgresql:///vigil",
]


@pytest.mark.parametrize("name", ["DATABASE_URL", "OWNER_DATABASE_URL"])
@pytest.mark.parametrize("url", OPEN)
def test_a_database_elsewhere_is_reached_over_tls_that_checks_who_answers(
    url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"VIGIL_{name}", url)
    with pytest.raises(SystemExit, match="sslmode=verify-full") as refusal:
        fresh()
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("url", CLOSED)
def test_a_database_on_this_machine_needs_none(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_DATABASE_URL", url)
    with capture_logs() as logged:
        fresh()
    assert logged == []


def test_who_goes_without_tls_reads_so_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_DATABASE_URL", OPEN[0])
    monkeypatch.setenv("VIGIL_DATABASE_WITHOUT_TLS", "true")
    with capture_logs() as logged:
        fresh()
    assert [(one["event"], one["log_level"]) for one in logged] == [
        ("database_reached_without_tls", "warning")
    ]
