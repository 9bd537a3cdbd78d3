"""The shipped protocol says what the sources say; a faulty one is refused with reasons."""

import copy
import tomllib
from typing import Any

import pytest

from backend.clinical import protocol, scale
from backend.clinical.protocol import ProtocolError
from tests.clinical.build import DEFAULT, default_protocol

PROTOCOL = default_protocol()


def document() -> dict[str, Any]:
    return tomllib.loads(DEFAULT.read_text("utf-8"))


def reasons(changed: dict[str, Any]) -> str:
    with pytest.raises(ProtocolError) as refused:
        protocol.parse(changed)
    return " ".join(refused.value.reasons)


def test_the_shipped_protocol_names_bands_for_every_instrument() -> None:
    banded = {key for key, one in scale.latest().items() if one.has_bands}
    assert set(PROTOCOL.band_systems) == banded
    assert (PROTOCOL.name, PROTOCOL.version) == ("Vigil default", 2)


def test_every_rule_and_every_table_has_a_source() -> None:
    sources = [rule.source for rule in PROTOCOL.rules]
    sources += [table.source for table in PROTOCOL.intervals.values()]
    sources.append(PROTOCOL.grace.source)
    assert all(len(source.text) > 20 for source in sources)
    assert {rule.level for rule in PROTOCOL.rules} <= {"emergency", "urgent", "advisory"}


@pytest.mark.parametrize(
    ("level", "rungs", "assess", "second"),
    [
        ("emergency", [(0, "the assigned nurse and the charge nurse"), (5, "the physician on duty"),
                       (10, "the on-call back-up"), (15, "the medical director")], 30, True),
        ("urgent", [(0, "the assigned nurse"), (15, "the charge nurse"),
                    (30, "the physician on duty")], 60, False),
        ("advisory", [(0, "the assigned nurse"), (60, "the charge nurse"),
                      (240, "the physician on duty")], None, False),
    ],
)  # fmt: skip
def test_the_ladders(
    level: str, rungs: list[tuple[int, str]], assess: int | None, second: bool
) -> None:
    assert [(r.after_minutes, r.role_words) for r in PROTOCOL.ladder[level]] == rungs
    assert PROTOCOL.assess_minutes[level] == assess
    assert PROTOCOL.close[level].newer_evidence_or_second_role is second


def test_an_emergency_cannot_be_put_off_and_is_looked_at_again_within_the_half_hour() -> None:
    assert PROTOCOL.close["emergency"].snooze_minutes == 0
    assert max(PROTOCOL.recheck_minutes["emergency"]) == 30
    assert max(PROTOCOL.recheck_minutes["urgent"]) == 60


def test_the_times_of_entries() -> None:
    assert (PROTOCOL.fresh_minutes, PROTOCOL.late_entry_minutes) == (60, 60)
    assert (PROTOCOL.reoffer_minutes, PROTOCOL.asleep_at_most) == (30, 2)


def put(path: str, value: Any) -> dict[str, Any]:
    """The shipped document with one value changed, or taken out with None."""
    changed = copy.deepcopy(document())
    where: Any = changed
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in way:
        where = where[step]
    if value is None:
        del where[last]
    else:
        where[last] = value
    return changed


def test_a_unit_whose_protocol_says_nothing_of_rounds_has_decided_nothing_about_them() -> None:
    """As it is with every version that was approved before there was such a section."""
    rules = protocol.parse(put("rounds", None)).rounds
    assert (rules.merged, rules.templates, dict(rules.risk_windows)) == ((), (), {})
    assert (rules.refusals_go_up_after, rules.reoffers_at_most, rules.wake) == (None, None, None)
    rest = put("rounds", {})
    assert protocol.parse(rest).rounds == rules


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("name", None, "`name` must be a text"),
        ("version", 0, "must be 1 or more"),
        ("version", "one", "must be a whole number"),
        ("surprise", 1, "`surprise` is not known here"),
        ("band_systems", 3, "must be a table"),
        ("band_systems.ciwa-b", "asam-2020", "has no bands called `asam-2020`; it has usual-form"),
        ("band_systems.saws", "x", "`saws` is not an instrument"),
        ("rules.0.kind", "loud", "must be one of total_at_least"),
        ("rules.0.level", "loud", "must be one of emergency"),
        ("rules.0.source", None, "`source` must be a text"),
        ("rules.0.mark", "X", "must be one of A"),
        ("rules.0.title", "", "`title` must be a text"),
        ("rules.0.params", {"instrument": "news2"}, "`total` must be a whole number"),
        ("rules.0.params", {"instrument": "news2", "total": 7.5}, "`total` must be a whole"),
        ("rules.0.params", {"instrument": "news3", "total": 7}, "`news3` is not an instrument"),
        ("rules.0.params", {"instrument": "news2", "total": 7, "x": 1}, "`x` is not known here"),
        ("rules.0.id", "news2-5", "`news2-5` is there twice"),
        ("rules.3.params.word", "awful", "no band of CIWA-B is called `awful` in usual form"),
        ("rules.3.params.instrument", "saws", "`saws` is not an instrument"),
        ("rules.9.kind", "overdue", "`short_interval_minutes` must be a whole number"),
        ("rules.10.params.late", "loud", "must be one of emergency"),
        ("rules.0.params.total", 21, "no set of NEWS2 reaches a total of 21"),
        ("rules.0.params.clear_below", 8, "`clear_below` must be milder than `total`"),
        ("rules.0.raise_after_sets", 2, "an emergency waits for no second set"),
        ("rules.2.params.instrument", "ciwa-b", "no single value of CIWA-B is red"),
        ("rules.3.params.clear_word", "awful", "no band of CIWA-B is called `awful`"),
        ("rules.9.params.families", {"saws": "x"}, "`saws` is not an instrument"),
        ("rules.9.clear_after_sets", 2, "waits for no further sets"),
        ("rules.11.params.item", "breath", "NEWS2 has no item called `breath`"),
        ("rules.11.params.value", "1e1", "must be a whole number or an exact decimal"),
        ("rules.11.params.value", None, "must be a whole number or an exact decimal"),
        ("rules.11.params.value", 8.5, "must be a whole number or an exact decimal"),
        ("rules.11.params.clear_value", 7, "must be milder than `value`"),
        ("rules.13.params.clear_value", 40, "must be milder than `value`"),
        ("rules.14.params.signs", [], "must name at least one sign"),
        ("rules.14.params.instruments", ["saws"], "`saws` is not an instrument"),
        ("rules.14.params.signs.0.at_most", None, "needs one of `at_most`, `in` and `fall`"),
        ("rules.14.params.signs.0.fall", 2, "needs one of `at_most`, `in` and `fall`"),
        ("rules.14.params.signs.0.item", "breath", "NEWS2 has no item called `breath`"),
        ("rules.14.params.signs.0.instrument", "saws", "`saws` is not an instrument"),
        ("rules.14.params.signs.4.in", ["3"], "`3` is no answer to `level`"),
        ("rules.15.params.direction", "sideways", "must be one of rise, fall"),
        ("rules.16.on", 1, "must be true or false"),
        ("rules.17.params.sets", 2, "a slope needs at least 3"),
        ("levels.emergency.snooze_minutes", 5, "an emergency cannot be put off"),
        ("intervals.ciwa-b.ordered_minutes", 0, "must be 1 or more"),
        ("intervals.ciwa-b.rows.0.high", 19, "must cover every total once"),
        ("intervals.ciwa-b.rows.0.high", 21, "must cover every total once"),
        ("intervals.ciwa-b.rows.3", None, "must cover every total once"),
        ("intervals.ciwa-b.rows", [], "must cover every total once"),
        (
            "intervals.sows",
            {"ordered_minutes": 60, "source": "x", "mark": "D"},
            "not an instrument",
        ),
        ("intervals.news2.red_minutes", -1, "must be 1 or more"),
        ("grace.percent", None, "`percent` must be a whole number"),
        ("grace.at_least_minutes", 31, "must not be above"),
        ("rounds.surprise", 1, "`surprise` is not known here"),
        ("rounds.merged.instruments", ["saws"], "`saws` is not an instrument"),
        ("rounds.gap.warn_minutes", 0, "must be 1 or more"),
        ("rounds.refusal.level", "loud", "must be one of emergency"),
        ("rounds.refusal.go_up_after", 0, "must be 1 or more"),
        ("rounds.wake.spo2_percent", 0, "must be 1 or more"),
        ("rounds.risk_windows.alcohol.hours", 0, "must be 1 or more"),
        ("rounds.risk_windows.alcohol.source", None, "`source` must be a text"),
        ("rounds.templates.0.orders", [], "needs at least one order"),
        ("rounds.templates.0.orders.0.instrument", "saws", "`saws` is not an instrument"),
        ("rounds.templates.0.orders.0.interval_minutes", 4, "must lie between 5 and 1440"),
        ("rounds.templates.0.orders.1.then_minutes", 1441, "must lie between 5 and 1440"),
        ("rounds.templates.0.orders.1.until_hours", None, "`then_minutes` needs `until_hours`"),
        ("fresh.minutes", 0, "must be 1 or more"),
        ("fresh.mark", None, "`mark` must be one of"),
        ("late_entry", None, "must be a table"),
        ("levels.urgent", None, "must be a table"),
        ("levels.loud", {}, "`loud` is not known here"),
        ("levels.urgent.ladder.0.after_minutes", 5, "must begin at 0 minutes"),
        ("levels.urgent.ladder.1.after_minutes", 30, "come after the one before"),
        ("levels.urgent.ladder.1.after_minutes", 40, "come after the one before"),
        ("levels.urgent.ladder.1.roles", ["cook"], "`cook` is not one of nurse"),
        ("levels.urgent.ladder", [], "must begin at 0 minutes"),
        ("levels.urgent.recheck_minutes", [], "must be a list of whole numbers"),
        ("levels.urgent.recheck_minutes", [0], "whole numbers of 1 or more"),
        ("levels.urgent.recheck_minutes", [True], "whole numbers of 1 or more"),
        ("levels.urgent.closing_needs_newer_evidence_or_second_role", 1, "must be true or false"),
    ],
)
def test_a_faulty_protocol_is_refused_with_the_reason(path: str, value: Any, why: str) -> None:
    assert why in reasons(put(path, value))


def test_there_is_only_one_rule_for_what_is_overdue() -> None:
    changed = document()
    changed["rules"].append({**changed["rules"][10], "id": "overdue-2"})
    assert "only one rule of kind overdue" in reasons(changed)


def test_a_unit_may_decide_what_an_event_calls() -> None:
    fall = {
        **document()["rules"][0],
        "id": "event/fall",
        "kind": "event",
        "level": "emergency",
        "params": {"event": "fall"},
    }
    changed = document()
    changed["rules"].append(fall)
    unit = protocol.parse(changed)
    decided = unit.rule_for_event("fall")
    assert decided is not None
    assert decided.level == "emergency"
    assert unit.rule_for_event("seizure") is None
    changed["rules"].append({**fall, "id": "again"})
    assert "only one rule for the event `fall`" in reasons(changed)
    changed["rules"][-1] = {**fall, "id": "x", "params": {"event": "storm"}}
    assert "`event` must be one of seizure" in reasons(changed)


def test_what_no_source_gives_is_off_until_a_unit_wants_it() -> None:
    local = {rule.id: rule.on for rule in PROTOCOL.rules if rule.source.mark == "L"}
    assert local
    assert not any(local.values())


def test_a_draft_has_no_version_yet() -> None:
    assert protocol.parse(put("version", None)).version is None


def test_what_is_not_toml_or_no_protocol_is_refused() -> None:
    with pytest.raises(ProtocolError, match="not a TOML file"):
        protocol.load("name = ")
    assert "must be a table" in reasons([])  # type: ignore[arg-type]  # as a client might send
    assert "`name` must be a text" in reasons({})
