"""`vigil score` and `vigil instruments`, as a person and as a program use them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from backend.cli import app

WORST = {
    "nausea": 7, "tremor": 7, "sweats": 7, "anxiety": 7, "agitation": 7,
    "tactile": 7, "auditory": 7, "visual": 7, "headache": 7, "orientation": 4,
}  # fmt: skip
FIFTEEN = dict.fromkeys(WORST, 0) | {"nausea": 7, "tremor": 7, "sweats": 1}
OVER_SEDATED = {
    "respiratory_rate": 8,
    "spo2": 92,
    "on_oxygen": False,
    "systolic": 105,
    "pulse": 58,
    "consciousness": "V",
    "temperature_c": 36.2,
}


def run(*args: str, stdin: str | bytes = "") -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(args), input=stdin)
    return done.exit_code, done.stdout, done.stderr


def lines(*args: str, stdin: str | bytes) -> list[dict[str, Any]]:
    code, out, _ = run("score", *args, stdin=stdin)
    assert code == 0
    return [json.loads(line) for line in out.splitlines()]


def test_each_line_of_json_gets_one_line_of_json() -> None:
    first, second = lines("ciwa-ar", stdin=json.dumps(WORST) + "\n\n" + json.dumps(FIFTEEN) + "\n")
    assert first["total"] == 67
    assert second == {
        "status": "ok",
        "total": 15,
        "band": "moderate",
        "band_system": "asam-2020",
        "parts": FIFTEEN,
        "alarms": [],
        "errors": [],
        "definition": "ciwa-ar/sullivan-1989/v1",
    }


@pytest.mark.parametrize(
    ("bands", "band"),
    [
        ("asam-2020", "moderate"),
        ("va", "severe"),
        ("mdcalc", "mild-moderate"),
        ("openmedicine", "mild"),
    ],
)
def test_the_band_system_can_be_chosen(bands: str, band: str) -> None:
    (told,) = lines("ciwa-ar", "--bands", bands, stdin=json.dumps(FIFTEEN))
    assert (told["total"], told["band"], told["band_system"]) == (15, band, bands)


def test_every_shipped_band_system_can_be_chosen() -> None:
    _, out, _ = run("instruments", "--json")
    for instrument in json.loads(out):
        for bands in instrument["band_systems"]:
            (told,) = lines(instrument["key"], "--bands", bands, stdin="{}")
            assert (told["status"], told["band_system"]) == ("incomplete", bands)


def test_news2_reads_short_names_and_answers_by_them() -> None:
    (told,) = lines("news2", stdin=json.dumps(OVER_SEDATED))
    assert (told["status"], told["total"], told["band"]) == ("ok", 9, "high")
    assert told["parts"] == {
        "respiratory_rate": 3,
        "spo2": 2,
        "on_oxygen": 0,
        "systolic": 1,
        "pulse": 0,
        "consciousness": 3,
        "temperature_c": 0,
    }
    assert [a["id"] for a in told["alarms"]] == ["news2-7", "news2-5", "news2-red", "breathing-8"]


def test_a_missing_key_is_a_missing_item_and_its_lower_bound_still_alarms() -> None:
    (told,) = lines("news2", stdin='{"systolic": 85, "consciousness": "V", "pulse": null}')
    assert (told["status"], told["total"], told["band"]) == ("incomplete", None, None)
    assert (told["lowest"], told["highest"]) == (6, 20)
    assert told["missing"] == [
        "respiratory_rate",
        "spo2",
        "on_oxygen",
        "pulse",
        "temperature_c",
    ]
    assert "news2-5" in [a["id"] for a in told["alarms"]]


def test_an_item_alarm_is_told_under_a_mild_total() -> None:
    (told,) = lines("ciwa-ar", stdin=json.dumps(dict.fromkeys(WORST, 0) | {"orientation": 4}))
    assert (told["total"], told["band"]) == (4, "none or mild")
    assert [a["id"] for a in told["alarms"]] == ["item-alarm/ciwa-ar/orientation"]


@pytest.mark.parametrize(
    "faulty",
    [
        b'{"nausea": 8}',
        b'{"bugs": 1}',
        b'{"nausea": 2.5}',
        b'{"nausea": "3"}',
        b'{"nausea": true}',
        b'{"nausea": NaN}',
        b'{"nausea": 1e400}',
        b'{"nausea": -1e999999999}',
        b'{"nausea": 1, "nausea": 2}',
        b'{"nausea": [1]}',
        b'{"nausea": "' + b"7" * 100_000 + b'"}',
        b'{"nausea": ' + b"7" * 5000 + b"}",
        b'{"' + b"x" * 100_000 + b'": 1}',
        b"\xff\xfe",
        b"\0",
        b"[" * 5000,
        b"null",
        b"[]",
        b"{",
    ],
    ids=range(19),
)
def test_a_faulty_line_is_invalid_and_the_next_is_still_scored(faulty: bytes) -> None:
    first, second = lines("ciwa-ar", stdin=faulty + b"\n" + json.dumps(FIFTEEN).encode())
    assert (first["status"], first["total"], first["band"]) == ("invalid", None, None)
    assert (first["parts"], first["alarms"]) == ({}, [])
    assert len(first["errors"]) == 1
    assert len(first["errors"][0]) < 250
    assert second["total"] == 15


@pytest.mark.parametrize(
    ("name", "line", "sentence"),
    [
        ("news2", '{"on_oxygen": 0}', "0 does not exist; it is one of false, true."),
        ("ciwa-ar", '{"nausea": true}', "such an answer does not exist; it is one of 0, 1,"),
        ("ciwa-ar", '{"nausea": 1.0}', "1.0 does not exist"),
        ("ciwa-ar", '{"nausea": 1e0}', "1.0 does not exist"),
        ("ciwa-ar", '{"nausea": {"a": 1}}', "such an answer does not exist"),
    ],
)
def test_a_refusal_speaks_json_and_never_contradicts_itself(
    name: str, line: str, sentence: str
) -> None:
    (told,) = lines(name, stdin=line)
    assert sentence in told["errors"][0]


def test_the_mark_that_windows_puts_before_a_file_is_no_part_of_the_first_line() -> None:
    first, second = lines("acvpu", stdin=b'\xef\xbb\xbf{"consciousness": "V"}\r\n\r\n{}\r\n')
    assert (first["status"], second["status"]) == ("ok", "incomplete")


def test_a_short_and_a_long_name_of_one_item_are_two_answers() -> None:
    (told,) = lines("news2", stdin='{"spo2": 97, "spo2_percent": 80}')
    assert (told["status"], told["errors"]) == ("invalid", ["SpO2 is answered twice."])


def test_a_person_types_items_and_reads_words() -> None:
    code, out, _ = run("score", "ciwa-b", *(f"{i}=1" for i in ciwa_b()), "sleep_hours=3.5")
    assert code == 0
    assert out.splitlines() == ["CIWA-B (ciwa-b/busto-1989/v1)", "Total 20: mild (usual form)"]


def ciwa_b() -> list[str]:
    _, out, _ = run("instruments", "--json")
    (found,) = [i for i in json.loads(out) if i["key"] == "ciwa-b"]
    return [item["id"] for item in found["items"]]


def test_what_is_incomplete_says_what_is_missing_and_what_it_can_be() -> None:
    code, out, _ = run("score", "news2", "on_oxygen=yes", "systolic=85", "temperature_c=35.0")
    assert code == 0
    assert "Incomplete: 8 to 20, high (RCP 2017)" in out
    assert "Missing: breathing rate, SpO2, pulse, consciousness" in out
    assert "EMERGENCY: NEWS2 is at least 8 (flagged from 7)" in out


def test_consciousness_has_a_word_and_no_total() -> None:
    code, out, _ = run("score", "acvpu", "consciousness=C")
    assert code == 0
    assert "C: newly confused (RCP 2017)" in out
    assert "URGENT: Consciousness C (newly confused)." in out


def test_an_illegal_answer_ends_with_two() -> None:
    code, out, _ = run("score", "ciwa-ar", "orientation=5")
    assert code == 2
    assert "Orientation: 5 does not exist; it is one of 0, 1, 2, 3, 4." in out
    code, out, _ = run("score", "ciwa-ar", "orientation=5", "--json")
    assert code == 2
    assert json.loads(out)["status"] == "invalid"


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["sows", "a=1"], "There is no instrument 'sows'; there are acvpu, bwsq, ciwa-ar"),
        (["cows", "--bands", "va", "a=1"], "COWS has no bands called 'va'; it has wesson-ling"),
        (["cows", "pulse"], "Write item=value, not 'pulse'."),
        (["cows", "=1"], "Write item=value, not '=1'."),
        (["cows", "pulse=1", "pulse=2"], "pulse is answered twice."),
        (["cows", "--file", "nowhere.toml"], "nowhere.toml cannot be read as .toml."),
    ],
)
def test_what_cannot_be_understood_is_refused_in_a_sentence(args: list[str], sentence: str) -> None:
    code, out, err = run("score", *args)
    assert (code, out) == (2, "")
    assert sentence in err


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("set.toml", "respiratory_rate = 8\ntemperature_c = 36.2\non_oxygen = false\n"),
        ("set.json", '{"respiratory_rate": 8, "temperature_c": 36.2, "on_oxygen": false}'),
    ],
)
def test_a_set_can_come_from_a_file(tmp_path: Path, name: str, content: str) -> None:
    file = tmp_path / name
    file.write_text(content)
    code, out, _ = run("score", "news2", "--file", str(file), "spo2=97", "--json")
    assert code == 0
    parts = json.loads(out)["parts"]
    assert parts == {"respiratory_rate": 3, "temperature_c": 0, "on_oxygen": 0, "spo2": 0}


@pytest.mark.parametrize(("name", "content"), [("a.toml", b"x ="), ("a.json", b"[1]"), ("a", b"")])
def test_a_file_that_holds_no_set_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    code, _, err = run("score", "cows", "--file", str(file))
    assert code == 2
    assert err.strip().endswith(".")


def test_every_instrument_is_listed_with_its_bands() -> None:
    code, out, _ = run("instruments")
    assert code == 0
    rows = {line.split("\t")[0]: line for line in out.splitlines()}
    assert len(rows) == 18
    assert "bands: none" in rows["pain"]
    assert "sows/gossop-1990/v1" in rows["sows-gossop"]
    assert "ciwa-ar/sullivan-1989/v1" in rows["ciwa-ar"]
    assert "bands: asam-2020, va, mdcalc" in rows["ciwa-ar"]
