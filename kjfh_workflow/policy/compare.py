"""What is different between two packs, item by item and field by field.

Whether either of them is right is asked in ``checks``; how a difference is shown, by whoever prints it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from kjfh_workflow.policy.machine import Edge, Escalation, FourEyes, Machine, Period, Reminder, Timer
from kjfh_workflow.policy.model import Identity, PolicyPack
from kjfh_workflow.policy.part import Part, Provision, as_data
from kjfh_workflow.policy.wording import house_words
from kjfh_workflow.policy.years import Assessment, Awards, Years


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs, or one item that only one of the packs has."""

    #: The item's key: that of ``PolicyPack.provisions()``, or ``article.第五条``, ``application.state.applied`` …
    key: str
    what: Literal["added", "removed", "changed"]
    #: As written in the TOML file; empty for a whole item.
    field: str
    #: Plain data; None where there was nothing.
    before: Any
    after: Any
    #: What the item rests on, in the newer pack where it has it; empty where no article is cited.
    article: str


@dataclass(frozen=True, slots=True)
class _Item:
    #: Every field, with its Python value and as plain data.
    fields: dict[str, tuple[Any, Any]]
    #: The item as a whole, as plain data.
    whole: Any
    article: str = ""
    #: The item that this one is a part of: it comes and goes with it.
    parent: str = ""


def diff(a: PolicyPack, b: PolicyPack) -> list[Change]:
    """From *a* to *b*, in the order of *a*; what is new comes last."""
    before, after = _items(a), _items(b)
    alone = before.keys() ^ after.keys()
    changes: list[Change] = []
    for key in [*before, *(key for key in after if key not in before)]:
        old, new = before.get(key), after.get(key)
        item = new or old
        if item is None or (key in alone and item.parent in alone):
            continue
        if old and new:
            changes += _changed(key, old, new)
        elif new:
            changes.append(Change(key, "added", "", None, new.whole, new.article))
        else:
            changes.append(Change(key, "removed", "", item.whole, None, item.article))
    return changes


def _changed(key: str, old: _Item, new: _Item) -> Iterator[Change]:
    for field in old.fields | new.fields:
        (was, was_data), (now, now_data) = old.fields.get(field, (None, None)), new.fields.get(field, (None, None))
        if was != now:  # values, not spellings: 0.7 is 0.70
            yield Change(key, "changed", field, was_data, now_data, new.article)


def _items(pack: PolicyPack) -> dict[str, _Item]:
    """Everything of a pack by its key; ``checks`` sees to it that no key stands twice."""
    return dict(_all(pack))


def _all(pack: PolicyPack) -> Iterator[tuple[str, _Item]]:
    yield "identity", _part(pack.identity)
    for article in pack.identity.articles:
        yield f"article.{article.number}", _part(article, article.number)
    for name, notice in pack.identity.notices.items():
        yield f"notice.{name}", _part(notice)
    if pack.identity.awards:
        yield "awards", _part(pack.identity.awards)
    for kind, machine in pack.machines.items():
        yield from _machine(kind, machine)
    for key, provision in pack.provisions():
        yield key, _part(provision, provision.article, _parent(key, provision))
    # A pack may have kinds of space and events of its own; all other words are for names of the program.
    own = {
        "spaces": [space_type.space for space_type in pack.identity.types.values()],
        "grounds": [event for machine in pack.machines.values() for event in machine.events],
    }
    for section, words in house_words().items():
        for name in dict.fromkeys([*words, *(name for name in own.get(section, ()) if pack.words.has(section, name))]):
            yield f"words.{section}.{name}", _value("word", pack.words(section, name))


def _machine(kind: str, machine: Machine) -> Iterator[tuple[str, _Item]]:
    yield kind, _part(machine)
    for name, state in machine.states.items():
        yield f"{kind}.state.{name}", _part(state, parent=kind)
    for event, label in machine.events.items():
        yield f"{kind}.event.{event}", _value("label", label, kind)
    for timer in machine.timers:
        yield f"{kind}.timer.{timer.name}", _part(timer, parent=kind)


#: Fields that are items of their own.
_PARTS: dict[type[Part], frozenset[str]] = {
    Identity: frozenset({"in_force", "article", "types", "material", "departments", "numbering", "cap", "notices"})
    | {info.alias or name for name, info in Years.model_fields.items()},
    Assessment: frozenset({"quota", "failures", "recommended_from", "indicator"}),
    Awards: frozenset(Awards.model_fields) - {"notice"},
    Machine: frozenset({"states", "events", "edge", "timer"}),
    Edge: frozenset({"four_eyes"}),
    Timer: frozenset({"period", "reminder", "escalation"}),
}


def _parent(key: str, provision: Provision) -> str:
    """An edge belongs to its machine, its four-eyes rule to the edge; a period, reminder or escalation to its timer.

    What stands below ``[assessment]`` or ``[awards]`` belongs to that table.
    """
    if (table := key.partition(".")[0]) in ("assessment", "awards") and table != key:
        return table
    kind, name = [*key.split("."), ""][:2]
    if isinstance(provision, FourEyes):
        return key.removesuffix(".four_eyes")
    if isinstance(provision, (Period, Reminder, Escalation)):
        return f"{kind}.timer.{name}"
    return kind if isinstance(provision, Edge) else ""


def _part(part: Part, article: str = "", parent: str = "") -> _Item:
    python, plain = part.model_dump(by_alias=True), part.model_dump(mode="json", by_alias=True)
    leave_out = _PARTS.get(type(part), frozenset())
    fields = {name: (value, plain[name]) for name, value in python.items() if name not in leave_out}
    return _Item(fields, as_data(part), article, parent)


def _value(field: str, value: Any, parent: str = "") -> _Item:
    return _Item({field: (value, value)}, value, parent=parent)
