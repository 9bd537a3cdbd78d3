"""The signed head is kept elsewhere, and what fails is written down and tried again."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker
from typer.testing import CliRunner

from backend.audit import anchors, keeper, places
from backend.cli import app
from backend.core import clock
from backend.core import settings as core_settings
from backend.core.errors import Invalid
from backend.core.settings import settings
from tests.audit import trail
from tests.conftest import pointing_at, sessions_on

Sessions = sessionmaker[Session]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that is configured as the place, and a key of its own."""
    path = tmp_path / "heads.jsonl"
    monkeypatch.setenv("VIGIL_AUDIT_KEY", anchors.new_secret())
    monkeypatch.setenv("VIGIL_AUDIT_ANCHOR_FILE", str(path))
    settings.cache_clear()
    yield path
    settings.cache_clear()


@pytest.fixture
def sessions(fresh_database: str, kept: Path) -> Iterator[Sessions]:
    assert kept
    with sessions_on(fresh_database) as made:
        trail.sealed(made, 2)
        yield made


def _tries(sessions: Sessions) -> list[tuple[str, bool]]:
    with sessions.begin() as session:
        return [
            (row.place, row.failure is None)
            for row in session.execute(text("SELECT place, failure FROM audit_anchor ORDER BY id"))
        ]


def test_the_head_is_kept_every_five_minutes_and_can_be_checked(
    sessions: Sessions, kept: Path
) -> None:
    now = clock.now()
    assert keeper.anchor(sessions, now=now) == {"file": None}
    assert keeper.anchor(sessions, now=now + timedelta(minutes=4)) == {}
    assert keeper.anchor(sessions, now=now + timedelta(minutes=6)) == {"file": None}
    key = anchors.public_key(anchors.public_text(anchors.private_key(_secret())))
    heads = anchors.read_file(kept, key)
    assert len(heads) == 2
    assert len({head.hash for head in heads}) == 1


def _secret() -> str:
    found = settings().audit_key
    assert found is not None
    return found.get_secret_value()


@pytest.mark.parametrize("part", ["seq", "hash", "entries", "at", "signature"])
def test_a_head_that_was_changed_is_refused(sessions: Sessions, kept: Path, part: str) -> None:
    keeper.anchor(sessions, now=clock.now())
    told = json.loads(kept.read_text())
    changed = {
        "seq": told["seq"] + 1,
        "hash": "00" * 32,
        "entries": told["entries"] + 1,
        "at": "2020-01-01",
        "signature": "A" * 86 + "==",
    }
    written = json.dumps(told | {part: changed[part]})
    with pytest.raises(Invalid, match="not signed"):
        anchors.read([written], anchors.private_key(_secret()).public_key())


def test_what_fails_is_written_down_and_tried_again_within_a_minute(
    sessions: Sessions, kept: Path
) -> None:
    kept.mkdir()
    now = clock.now()
    assert keeper.anchor(sessions, now=now) == {"file": "Is a directory"}
    assert keeper.anchor(sessions, now=now + timedelta(seconds=30)) == {}
    kept.rmdir()
    assert keeper.anchor(sessions, now=now + timedelta(seconds=90)) == {"file": None}
    assert _tries(sessions) == [("file", False), ("file", True)]


@contextmanager
def _collector(status: int) -> Iterator[tuple[str, list[bytes]]]:
    """A log host of this test's own."""
    heard: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/heads?of=vigil", heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_webhook_gets_the_head() -> None:
    with _collector(204) as (url, heard):
        places.post(url, '{"seq": 1}')
    assert heard == [b'{"seq": 1}']


@pytest.mark.parametrize("status", [302, 307, 404, 500])
def test_a_webhook_that_does_not_take_it_has_failed_and_leads_nowhere_else(status: int) -> None:
    with _collector(status) as (url, heard), pytest.raises(OSError, match=str(status)):
        places.post(url, "{}")
    assert len(heard) == 1


def test_syslog_gets_one_framed_message() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        places.to_syslog(f"127.0.0.1:{listener.getsockname()[1]}", '{"seq": 1}')
        link, _ = listener.accept()
        with link:
            heard = link.recv(4096)
    length, _, message = heard.partition(b" ")
    assert int(length) == len(message)
    assert message == b'<109>1 - - vigil - audit-head - {"seq": 1}'


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://log.example.org/heads", True),
        ("https://10.1.2.3:8443/heads", True),
        ("http://127.0.0.1:9000/heads", True),
        ("http://log.example.org/heads", False),
        ("http://10.1.2.3/heads", False),
        ("https://169.254.169.254/latest", False),
        ("http://169.254.169.254/latest", False),
        ("https://0.0.0.0/", False),
        ("file:///etc/passwd", False),
        ("https://user:secret@log.example.org/", False),
        ("https://log.example.org:99999/", False),
        ("https://", False),
        ("log.example.org", False),
    ],
)
def test_only_a_safe_address_may_be_configured(
    monkeypatch: pytest.MonkeyPatch, url: str, allowed: bool
) -> None:
    monkeypatch.setenv("VIGIL_AUDIT_ANCHOR_WEBHOOK", url)
    if allowed:
        assert core_settings.Settings().audit_anchor_webhook is not None
    else:
        with pytest.raises(ValueError, match="must be https://"):
            core_settings.Settings()


def test_the_key_beside_the_embedded_server_is_for_its_owner_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.audit import key  # noqa: PLC0415

    monkeypatch.delenv("VIGIL_DATABASE_URL", raising=False)
    monkeypatch.setenv("VIGIL_DATA_DIR", str(tmp_path))
    settings.cache_clear()
    try:
        made = key.audit_key()
        assert key.audit_key() == made
        anchors.private_key(made)
        assert (tmp_path / "audit_key").stat().st_mode & 0o777 == 0o600
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def _command(url: str, *arguments: str) -> tuple[int, str]:
    with pointing_at(url):
        ran = CliRunner().invoke(app, ["audit", *arguments])
    return ran.exit_code, ran.output


def test_the_command_tells_its_findings_apart(
    sessions: Sessions, fresh_database: str, kept: Path
) -> None:
    """0, then 3 for a tail that was cut off, 1 for an edit, 2 for a deletion."""
    keeper.anchor(sessions, now=clock.now())
    status, said = _command(fresh_database, "verify", "--anchors", str(kept))
    assert (status, "all well, compared with 1 anchors" in said) == (0, True)
    with trail.tampering(fresh_database) as admin:
        admin.execute(
            "DELETE FROM audit_entry WHERE (xid, id) > (SELECT last_xid, last_id FROM audit_batch"
            " ORDER BY seq DESC OFFSET 1 LIMIT 1)"
        )
        admin.execute("DELETE FROM audit_batch WHERE seq = (SELECT max(seq) FROM audit_batch)")
    assert _command(fresh_database, "verify")[0] == 0
    status, said = _command(fresh_database, "verify", "--anchors", str(kept))
    assert (status, "an older backup was restored" in said) == (3, True)
    with trail.tampering(fresh_database) as admin:
        admin.execute("UPDATE audit_entry SET reason = 'x' WHERE action = 'test.happened'")
    assert _command(fresh_database, "verify", "--anchors", str(kept))[0] == 1
    with trail.tampering(fresh_database) as admin:
        admin.execute("DELETE FROM audit_entry WHERE action = 'test.happened'")
    assert _command(fresh_database, "verify")[0] == 2


def test_the_command_seals_anchors_and_prints_the_key(
    sessions: Sessions, fresh_database: str, kept: Path
) -> None:
    trail.write(sessions, 2)
    assert _command(fresh_database, "seal")[0] == 0
    assert _command(fresh_database, "anchor") == (0, "file: kept\n")
    status, printed = _command(fresh_database, "key")
    assert status == 0
    verified = _command(
        fresh_database, "verify", "--anchors", str(kept), "--public-key", printed.strip()
    )
    assert verified[0] == 0
    assert _command(fresh_database, "explain", "--reason", "Restored the backup of Monday")[0] == 0
    assert _command(fresh_database, "explain", "--reason", "x")[0] == 1


@pytest.mark.parametrize("written", ["{}", "no json", '{"seq": "x"}', "[1]", '{"seq": 1e400}'])
def test_a_file_that_holds_something_else_is_refused_with_a_sentence(
    fresh_database: str, kept: Path, written: str
) -> None:
    kept.write_text(written)
    status, said = _command(fresh_database, "verify", "--anchors", str(kept))
    assert status == 1
    assert "Line 1 of the anchors cannot be read" in said


def test_every_night_the_whole_trail_is_checked_once_and_the_result_kept(
    sessions: Sessions, fresh_database: str, kept: Path
) -> None:
    assert kept
    now = clock.now()
    assert keeper.check_nightly(sessions, now=now) is not None
    assert keeper.check_nightly(sessions, now=now) is None
    with trail.tampering(fresh_database) as admin:
        admin.execute("UPDATE audit_entry SET reason = 'x' WHERE action = 'test.happened'")
    tomorrow = keeper.check_nightly(sessions, now=now + timedelta(days=1))
    assert tomorrow is not None
    assert tomorrow.status == 1
    with sessions.begin() as session:
        rows = session.execute(text("SELECT status, sentences FROM audit_check ORDER BY id")).all()
    assert [row.status for row in rows] == [0, 1]
    assert "changed" in rows[1].sentences[0]
