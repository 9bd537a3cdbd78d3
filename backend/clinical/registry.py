"""The definitions that are known: what Vigil brings, and what the site has loaded."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from backend.clinical.definition import Instrument
from backend.clinical.definition_file import load

SEDATION = "sedation"
# Has rounds of its own (backend/rounds/safety): never a part of a set.
SAFETY = "safety"


@cache
def shipped() -> Mapping[str, Instrument]:
    """Every definition that Vigil brings, by id."""
    folder = resources.files("backend.clinical") / "instruments"
    found = [
        load(file.read_text("utf-8")) for file in folder.iterdir() if file.name[-5:] == ".toml"
    ]
    return MappingProxyType({i.id: i for i in sorted(found, key=lambda i: (i.key, i.version))})


# What the site has loaded, put there by whoever reads it from where it is kept.
_loaded: dict[str, Instrument] = {}


_ask: list[Callable[[], None]] = []


class _Known(dict[str, Instrument]):
    """By name. What is stored under a name that this process has never met is asked for once."""

    def __missing__(self, name: str) -> Instrument:
        for ask in _ask:
            ask()
        found = latest().get(name) or instruments().get(name)
        if found is None:
            raise KeyError(name)
        return found


def ask_when_unknown(ask: Callable[[], None]) -> None:
    """How to learn of definitions that another process has loaded: `ask` calls `know`."""
    _ask[:] = [ask]


def know(definitions: Iterable[Instrument]) -> None:
    """From now on these count too. A definition that the site loaded goes before one of ours."""
    _loaded.update({one.id: one for one in definitions if one.id not in shipped()})
    instruments.cache_clear()
    latest.cache_clear()


def set_aside(definition: str) -> None:
    """One that turned out not to fit."""
    _loaded.pop(definition, None)
    know(())


def forget() -> None:
    """Only what Vigil brings counts again."""
    _loaded.clear()
    know(())


@cache
def instruments() -> Mapping[str, Instrument]:
    """Every known definition, by id: of one key the shipped before the loaded, older first."""
    ranked = [(one.key, False, one.version, one) for one in shipped().values()]
    ranked += [(one.key, True, one.version, one) for one in _loaded.values()]
    return MappingProxyType(
        _Known({row[3].id: row[3] for row in sorted(ranked, key=lambda row: row[:3])})
    )


@cache
def latest() -> Mapping[str, Instrument]:
    """The definition in use of each instrument, by its short name."""
    return MappingProxyType(_Known({one.key: one for one in instruments().values()}))


def asked() -> Mapping[str, Instrument]:
    """What somebody answers on a sheet; NEWS2 and ACVPU are read off the vital signs."""
    return {key: one for key, one in latest().items() if one.is_asked and key != SAFETY}


def offered(*, sedation: str, permitted: Collection[str]) -> Mapping[str, Instrument]:
    """What a unit may use: one sedation scale, and nothing that needs a permission it has not."""
    return {
        key: one
        for key, one in asked().items()
        if (one.one_of != SEDATION or key == sedation) and (not one.permission or key in permitted)
    }
