"""What the deployer says is taken as said, or refused in a sentence that does not repeat it."""

from pathlib import Path

import pytest

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
    secret.write_text("postgresql://vigil:s3cret@db/vigil\n")
    monkeypatch.setenv("VIGIL_DATABASE_URL_FILE", str(secret))
    url = fresh().database_url
    assert url is not None
    assert url.get_secret_value() == "postgresql://vigil:s3cret@db/vigil"
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
