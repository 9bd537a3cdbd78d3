"""Safety rounds: levels, the draw of the next time, what a check calls for, what looks alike."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.clinical import honesty, protocol, safety
from backend.clinical.honesty import Check
from backend.clinical.protocol import ProtocolError
from backend.clinical.protocol_rounds import Jitter, Patterns
from backend.clinical.reading import Source
from backend.clinical.safety import LEVELS, Level, NotSeenKind
from backend.clinical.task import ASSESSED, Answer, Machine, Ordered, RoundState

DEFAULT = (resources.files("backend.protocols") / "default.toml").read_text("utf-8")
SHIPPED = protocol.load(DEFAULT)
NOW = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
OURS = Source(text="local", mark="D")
LIMITS = SHIPPED.rounds.patterns or Patterns(
    same_gaps=0, same_gap_within_s=0, batch_checks=0, batch_within_s=0, same_words=0, source=OURS
)


@pytest.mark.parametrize(
    ("before", "wanted", "then", "lowers"),
    [
        (None, "q60", None, False),
        ("q30", "q15", None, False),
        ("q30", "q30", None, False),
        ("q30", "q60", None, True),
        ("q15", "one_to_one", None, False),
        ("one_to_one", "q15", None, True),
        ("q30", "q15", "q30", False),
        ("q30", "q15", "q60", True),
        (None, "q15", "q60", False),
    ],
)
def test_what_is_less_close_now_or_later_lowers(
    before: str | None, wanted: str, then: str | None, lowers: bool
) -> None:
    found = safety.lowers(
        Level(before) if before else None, Level(wanted), Level(then) if then else None
    )
    assert found is lowers


@pytest.mark.parametrize(
    ("minutes", "one_to_one", "level"),
    [(60, False, "q60"), (45, False, "q30"), (30, False, "q30"), (15, False, "q15"),
     (5, False, "q15"), (240, False, "q60"), (15, True, "one_to_one")],
)  # fmt: skip
def test_an_order_between_two_levels_counts_as_the_closer(
    minutes: int, one_to_one: bool, level: str
) -> None:
    assert safety.level_of(minutes, one_to_one=one_to_one) is Level(level)


@given(
    percent=st.integers(0, 50),
    at_most=st.integers(0, 30),
    level=st.sampled_from(LEVELS),
    draw=st.floats(0, 1, exclude_max=True),
)
def test_the_next_check_comes_at_a_drawn_time_and_never_later_than_ordered(
    percent: int, at_most: int, level: Level, draw: float
) -> None:
    jitter = Jitter(percent=percent, at_most_minutes=at_most, source=OURS)
    ordered = timedelta(minutes=level.minutes)
    sooner = safety.sooner(jitter, level.minutes, draw)
    assert timedelta() <= sooner <= timedelta(minutes=at_most)
    assert ordered / 2 <= ordered - sooner <= ordered
    its = Machine(
        ordered=Ordered(interval_minutes=level.minutes, starts_at=NOW),
        protocol=SHIPPED,
        zone=ZoneInfo("UTC"),
    )
    answer = Answer(
        at=NOW, outcome=ASSESSED, complete=True, wait_minutes=level.minutes, sooner=sooner
    )
    made = its.answered(its.first(), answer)
    assert made is not None
    assert made.state is RoundState.DONE
    assert made.following is not None
    assert made.following.due_at == NOW + ordered - sooner
    assert made.following.interval_minutes == level.minutes


def test_draws_spread_over_the_whole_window_and_without_bounds_nothing_is_drawn() -> None:
    jitter = SHIPPED.rounds.jitter
    assert jitter is not None
    found = {safety.sooner(jitter, 15, draw / 100) for draw in range(100)}
    assert min(found) == timedelta()
    assert max(found) > timedelta(minutes=4)
    assert len(found) > 90
    assert safety.sooner(None, 15, 0.99) == timedelta()
    assert max(safety.sooner(jitter, 60, 0.9999) for _ in range(1)) <= timedelta(minutes=10)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("percent = 33", "percent = 51", "`percent` must not be above 50"),
        ("percent = 33", "percent = -1", "`percent` must be 0 or more"),
        ("same_gaps = 6", "same_gaps = 1", "`same_gaps` must be 2 or more"),
        ("batch_within_s = 60", "batch_within_s = 0", "`batch_within_s` must be 1 or more"),
    ],
)
def test_bounds_that_make_no_sense_are_refused_with_a_reason(old: str, new: str, why: str) -> None:
    assert DEFAULT.count(old) == 1
    with pytest.raises(ProtocolError, match=why):
        protocol.load(DEFAULT.replace(old, new))


def test_a_version_that_has_not_decided_it_draws_nothing_and_sees_no_patterns() -> None:
    begin, end = DEFAULT.index("[rounds.jitter]"), DEFAULT.index("[rounds.risk_windows.alcohol]")
    older = protocol.load(DEFAULT[:begin] + DEFAULT[end:])
    assert (older.rounds.jitter, older.rounds.patterns) == (None, None)


@pytest.mark.parametrize(
    ("answers", "wrong"),
    [
        ({"place": "R", "doing": "A"}, set()),
        ({"place": "R", "doing": "S", "breathing": "Y"}, set()),
        ({"place": "R", "doing": "S"}, {"breathing"}),
        ({"place": "R"}, {"doing"}),
        ({"doing": "A"}, {"place"}),
        ({"place": "Z", "doing": "A"}, {"place"}),
        ({}, {"place", "doing"}),
    ],
)
def test_a_look_says_where_and_what_and_of_somebody_asleep_whether_they_breathe(
    answers: dict[str, str], wrong: set[str]
) -> None:
    assert set(safety.problems(answers)) == wrong


@pytest.mark.parametrize(
    ("answers", "not_seen", "calls", "over"),
    [
        ({"place": "R", "doing": "A"}, None, {}, {"not_found", "not-breathing"}),
        (
            {"place": "R", "doing": "S", "breathing": "N"},
            None,
            {"safety/not-breathing": "emergency"},
            {"not_found"},
        ),
        (
            {"place": "R", "doing": "A", "concern": "Y"},
            None,
            {"safety/concern": "urgent"},
            {"not_found", "not-breathing"},
        ),
        (
            {"place": "R", "doing": "A", "concern": "N"},
            None,
            {},
            {"not_found", "not-breathing", "concern"},
        ),
        ({}, "not_found", {"safety/not_found": "emergency"}, set()),
        ({}, "off_unit", {}, set()),
        ({}, "nobody_free", {}, set()),
    ],
)
def test_what_a_look_calls_for_and_what_it_ends(
    answers: dict[str, str], not_seen: str | None, calls: dict[str, str], over: set[str]
) -> None:
    why = NotSeenKind(not_seen) if not_seen else None
    found = safety.calls(answers, why, at=NOW, at_words="02:00")
    assert {one.rule: one.level for one in found} == calls
    assert all("02:00" in one.sentence and "[" in one.source for one in found)
    assert safety.answered(answers, why) == {f"safety/{rule}" for rule in over}


# --- What looks alike ---


def check(minute: float, **fields: object) -> Check:
    at = NOW + timedelta(minutes=minute)
    values: dict[str, object] = {
        "stay_id": 1,
        "recorder": 7,
        "observed_at": at,
        "entered_at": at,
        "place": "D",
        "doing": "A",
    }
    return Check(**values | fields)  # type: ignore[arg-type]


PLACES = "RBDHGO"


def kinds(checks: list[Check]) -> list[str]:
    return [one.kind for one in honesty.patterns(checks, LIMITS)]


def varied(gaps: list[float]) -> list[Check]:
    """Checks whose words change, so that only their gaps can be alike."""
    found, at = [check(0, place="R")], 0.0
    for number, gap in enumerate(gaps, 1):
        at += gap
        found.append(check(at, place=PLACES[number % 6]))
    return found


def test_gaps_that_are_the_same_again_and_again_are_one_pattern_from_the_limit_on() -> None:
    assert kinds(varied([15] * (LIMITS.same_gaps - 1))) == []
    found = honesty.patterns(varied([15] * LIMITS.same_gaps), LIMITS)
    assert [(one.kind, one.checks, one.stay_id) for one in found] == [
        ("same gaps", LIMITS.same_gaps + 1, 1)
    ]
    assert kinds(varied([15, 12.4, 14, 11, 13.2, 10.5, 14.6])) == []
    near = LIMITS.same_gap_within_s / 60
    assert kinds(varied([15, 15 + near] * 4)) == ["same gaps"]
    assert kinds(varied([15, 15.1 + near] * 4)) == []


def test_patients_entered_faster_than_anybody_walks_are_a_batch_unless_doors_were_scanned() -> None:
    def batch(patients: int, seconds: float, **fields: object) -> list[Check]:
        step = seconds / 60 / max(1, patients - 1)
        return [check(number * step, stay_id=number, **fields) for number in range(patients)]

    enough, within = LIMITS.batch_checks, LIMITS.batch_within_s
    assert kinds(batch(enough, within)) == ["batch"]
    assert kinds(batch(enough, within + 1)) == []
    assert kinds(batch(enough - 1, 1)) == []
    assert kinds(batch(enough, within, tagged=True)) == []
    two_people = [replace(one, recorder=one.stay_id % 2) for one in batch(enough + 1, within)]
    assert kinds(two_people) == []


def test_the_same_words_again_and_again_are_a_pattern_but_sleep_in_ones_room_is_a_night() -> None:
    def said(times: int, **fields: object) -> list[Check]:
        return [check(number * 13 + number**2 % 7, **fields) for number in range(times)]

    most = LIMITS.same_words
    assert kinds(said(most)) == ["same words"]
    assert kinds(said(most - 1)) == []
    assert kinds(said(most * 3, place="R", doing="S")) == []
    assert kinds(said(most, place="R", doing="S", words="restless")) == ["same words"]
    broken = said(most)
    broken[3] = replace(broken[3], place="G")
    assert kinds(broken) == []


CHECKS = st.lists(
    st.builds(
        check,
        st.floats(0, 600),
        stay_id=st.integers(1, 3),
        recorder=st.integers(1, 2),
        place=st.sampled_from("RD"),
        doing=st.sampled_from("AS"),
        tagged=st.booleans(),
    ),
    max_size=40,
)


@given(CHECKS, st.randoms(use_true_random=False))
def test_patterns_do_not_depend_on_order_and_name_only_whose_checks_they_are(
    checks: list[Check], dice: object
) -> None:
    found = honesty.patterns(checks, LIMITS)
    shuffled = list(checks)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert {(one.kind, one.recorder, one.stay_id) for one in found} == {
        (one.kind, one.recorder, one.stay_id) for one in honesty.patterns(shuffled, LIMITS)
    }
    for one in found:
        own = [
            row
            for row in checks
            if row.recorder == one.recorder and one.stay_id in (None, row.stay_id)
        ]
        assert 2 <= one.checks <= len(own)
        assert one.since in {row.observed_at for row in own}
