"""Whether a pack makes sense as a whole: names, citations, graphs, timers, the right to be heard.

Each check yields ``Problem``s; ``check_pack`` collects them all. Shape and spelling of single values are
proved earlier, by the loader.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import pairwise

from kjfh_workflow.errors import Problem
from kjfh_workflow.policy.model import Cap, Edge, Machine, PolicyPack, Timer
from kjfh_workflow.policy.vocabulary import (
    NEW,
    OFFICE_ROLES,
    SAME,
    CaseKind,
    EffectName,
    Field,
    Handling,
    Measure,
    Modifier,
    Role,
    Side,
    Status,
    TenantTest,
)
from kjfh_workflow.policy.wording import hint, say

_CITATION = re.compile(r"^(?P<article>.+?)(?:第(?P<item>\d+)项)?$")
_PER_TENANT = {Measure.PROFESSIONALS_PER_TENANTS, Measure.MENTORS_PER_TENANTS}
_TIMED_TESTS = {TenantTest.AGE_AT_ENTRY, TenantTest.STAY}
#: ``has_template(city, notice)``.
HasTemplate = Callable[[str, str], bool]


def check_pack(pack: PolicyPack, has_template: HasTemplate) -> list[Problem]:
    """Every problem of *pack*; ``has_template(city, notice)`` tells whether a template exists."""
    place = pack.name
    problems = [
        *_check_keys(pack),
        *_check_citations(pack),
        *_check_identity(pack),
        *_check_criteria(pack),
        *_check_notices(pack, has_template),
        *_check_labels(pack),
    ]
    for kind, machine in pack.machines.items():
        problems += _MachineCheck(pack, kind, machine).problems()
    return [Problem(f"{place}/{problem.place}", problem.key, problem.message) for problem in problems]


def check_versions(packs: Iterable[PolicyPack]) -> list[Problem]:
    """Gaps and overlaps between the versions of one city, given in any order."""
    problems = []
    ordered = sorted(packs, key=lambda pack: pack.identity.in_force.effective_from)
    for earlier, later in pairwise(ordered):
        end = earlier.identity.in_force.effective_to
        start = later.identity.in_force.effective_from
        if end is None or end + timedelta(days=1) == start:
            continue
        code = "version_overlap" if end >= start else "version_gap"
        message = say(code, to=end, other=later.version, start=start)
        problems.append(Problem(f"{earlier.name}/policy.toml", "in_force.effective_to", message))
    return problems


def article_of(citation: str) -> tuple[str, int | None]:
    """A citation's article and item: ``第五条第2项`` → (``第五条``, 2)."""
    match = _CITATION.match(citation)
    assert match, "the pattern matches every non-empty text"  # noqa: S101
    item = match["item"]
    return match["article"], int(item) if item else None


def citation_problem(pack: PolicyPack, citation: str) -> str:
    """Why *citation* is not one of the document's, or an empty text."""
    number, item = article_of(citation)
    article = next((a for a in pack.identity.articles if a.number == number), None)
    if article is None:
        return say("no_citation", citation=citation) + hint(number, (a.number for a in pack.identity.articles))
    if item is not None and not 1 <= item <= article.items:
        return say("no_item", citation=citation, article=number, items=article.items)
    return ""


def _check_citations(pack: PolicyPack) -> Iterator[Problem]:
    cited: dict[str, str] = {}
    for key, provision in pack.provisions():
        if message := citation_problem(pack, provision.article):
            yield Problem(_file_of(key), key, message)
        cited.setdefault(article_of(provision.article)[0], key)
        if provision.status is not Status.STATED and not provision.note.strip():
            yield Problem(_file_of(key), key, say("note_required", status=provision.status))
    for article in pack.identity.articles:
        if article.handling is Handling.CODED and article.number not in cited:
            yield Problem("policy.toml", f"article.{article.number}", say("article_uncited"))
        if article.handling is Handling.NOT_APPLICABLE and article.number in cited:
            message = say("article_cited", handling=article.handling, key=cited[article.number])
            yield Problem("policy.toml", f"article.{article.number}", message)


def _file_of(key: str) -> str:
    head = key.split(".", maxsplit=1)[0]
    if head in set(CaseKind):
        return f"machines/{head}.toml"
    return "criteria.toml" if head in ("criterion", "tenant_condition") else "policy.toml"


def _check_keys(pack: PolicyPack) -> Iterator[Problem]:
    """Nothing stands twice: provisions by their key, caps by each of their kinds of space, articles."""
    keys = [key for key, provision in pack.provisions() if not isinstance(provision, Cap)]
    keys += [f"cap.{space}.{cap.level}" for cap in pack.identity.caps for space in cap.spaces]
    keys += [f"article.{article.number}" for article in pack.identity.articles]
    for key, count in Counter(keys).items():
        if count > 1:
            yield Problem(_file_of(key), key, say("duplicate", name=key))


def _check_identity(pack: PolicyPack) -> Iterator[Problem]:
    identity, force = pack.identity, pack.identity.in_force
    if force.effective_from.isoformat() != pack.version:
        message = say("version_folder", found=force.effective_from, expected=pack.version)
        yield Problem("policy.toml", "in_force.effective_from", message)
    if force.effective_to and force.effective_to < force.effective_from:
        message = say("dates_reversed", to=force.effective_to, start=force.effective_from)
        yield Problem("policy.toml", "in_force.effective_to", message)
    spaces = {space_type.space for space_type in identity.types.values()}
    for cap in identity.caps:
        for space in cap.spaces:
            if space not in spaces:
                yield Problem("policy.toml", "cap.spaces", say("unknown_space", name=space) + hint(space, spaces))


def _check_criteria(pack: PolicyPack) -> Iterator[Problem]:
    place = "criteria.toml"
    for criterion in pack.criteria:
        key = f"criterion.{criterion.id}"
        for name in criterion.types:
            if name not in pack.identity.types:
                yield Problem(place, key, say("unknown_type", name=name) + hint(name, pack.identity.types))
        compared = (criterion.measure, criterion.op, criterion.value)
        if criterion.modifier is Modifier.JUDGED:
            if any(part is not None for part in compared):
                yield Problem(place, key, say("criterion_judged"))
        elif None in compared:
            yield Problem(place, key, say("criterion_measure"))
        if criterion.requires and criterion.modifier is not Modifier.JUDGED:
            yield Problem(place, key, say("requires_judged"))
        if (criterion.per is not None) != (criterion.measure in _PER_TENANT):
            yield Problem(place, key, say("per_measure"))
    for condition in pack.tenant_conditions:
        if (condition.months is not None) != (condition.test in _TIMED_TESTS):
            yield Problem(place, f"tenant_condition.{condition.id}", say("months_test"))


def notices_sent(machine: Machine) -> frozenset[str]:
    """Every notice that a machine's acts and timers can send."""
    return frozenset(notice for _, notice, _ in _notices_with_keys(machine))


def _check_notices(pack: PolicyPack, has_template: HasTemplate) -> Iterator[Problem]:
    known = pack.identity.notices
    sent: set[str] = set()
    for kind, machine in pack.machines.items():
        for key, notice, others in _notices_with_keys(machine):
            sent.add(notice)
            if notice not in known or not (known[notice].to or others):
                message = say("unknown_notice", name=notice) + ("" if notice in known else hint(notice, known))
                yield Problem(f"machines/{kind}.toml", key, message)
    for notice in sorted(sent):
        if not has_template(pack.city, notice):
            yield Problem("policy.toml", f"notices.{notice}", say("no_template", name=notice))
    for notice in known:
        if notice not in sent:
            yield Problem("policy.toml", f"notices.{notice}", say("notice_unused"))


def _notices_with_keys(machine: Machine) -> Iterator[tuple[str, str, bool]]:
    """(key, notice, whether somebody receives it even if the notice names nobody)."""
    for edge in machine.edges:
        yield from ((f"edge.{edge.event}.notify", notice, False) for notice in edge.notify)
    for timer in machine.timers:
        with_the_work = all(period.responsible for period in timer.periods)
        yield from ((f"timer.{timer.name}.reminder", rule.notice, with_the_work) for rule in timer.reminders)
        if timer.escalation:
            yield f"timer.{timer.name}.escalation", timer.escalation.notice, False


def _check_labels(pack: PolicyPack) -> Iterator[Problem]:
    """Kinds of space are the pack's own names; the program has words for all of its own."""
    for space in sorted({space_type.space for space_type in pack.identity.types.values()}):
        if not pack.words.has("spaces", space):
            yield Problem("labels.toml", f"spaces.{space}", say("no_label", section="spaces"))


class _MachineCheck:
    """The checks of one machine, which share its graph."""

    def __init__(self, pack: PolicyPack, kind: CaseKind, machine: Machine) -> None:
        self._pack = pack
        self._kind = kind
        self._machine = machine

    def problems(self) -> list[Problem]:
        """Every problem of this machine; the graph is only walked once its names are right."""
        names = [*self._names()]
        found = names or [
            *self._reachability(),
            *self._choices(),
            *self._timers(),
            *self._openings(),
            *self._right_to_be_heard(),
        ]
        return [Problem(f"machines/{self._kind}.toml", key, message) for key, message in found]

    def _names(self) -> Iterator[tuple[str, str]]:
        machine = self._machine
        for index, edge in enumerate(machine.edges):
            yield from self._edge_names(f"edge[{index}].{edge.event}", edge)
        for event in machine.events:
            if not machine.edges_of[event]:
                yield f"events.{event}", say("event_without_edge")
        for timer in machine.timers:
            yield from self._timer_names(f"timer.{timer.name}", timer)
        for name, count in Counter(timer.name for timer in machine.timers).items():
            if count > 1:
                yield "timer", say("duplicate", name=name)

    def _edge_names(self, key: str, edge: Edge) -> Iterator[tuple[str, str]]:
        states, events = self._machine.states, self._machine.events
        if edge.event not in events:
            yield key, say("unknown_event", name=edge.event) + hint(edge.event, events)
        for source in edge.sources:
            if source not in states and source != NEW:
                yield f"{key}.from", say("unknown_state", name=source) + hint(source, [*states, NEW])
        if edge.to == NEW:
            yield f"{key}.to", say("new_in_middle")
        elif edge.to == SAME and NEW in edge.sources:
            yield f"{key}.to", say("same_from_new")
        elif edge.to not in states and edge.to != SAME:
            yield f"{key}.to", say("unknown_state", name=edge.to) + hint(edge.to, [*states, SAME])
        for name in edge.fields:
            if name not in set(Field):
                yield f"{key}.evidence", say("unknown_evidence", name=name) + hint(name, Field)
        for name in edge.four_eyes.events if edge.four_eyes else ():
            if name not in events:
                yield f"{key}.four_eyes", say("unknown_event", name=name) + hint(name, events)
        for role in edge.by:
            if role in (Role.AUDITOR, Role.ADMIN):
                yield f"{key}.by", say("role_cannot_act", name=role)

    def _timer_names(self, key: str, timer: Timer) -> Iterator[tuple[str, str]]:
        states, events = self._machine.states, self._machine.events
        for state in (*timer.period_of, *timer.pauses_in):
            if state not in states:
                yield key, say("unknown_state", name=state) + hint(state, states)
        if timer.on_due is not None and timer.on_due not in events:
            yield f"{key}.on_due", say("unknown_event", name=timer.on_due) + hint(timer.on_due, events)

    def _steps(self) -> Iterator[tuple[str, str, Edge]]:
        for edge in self._machine.edges:
            for source in edge.sources:
                yield source, source if edge.to == SAME else edge.to, edge

    def _reachable(self, start: str, by: Callable[[str, Edge], bool] = lambda _source, _edge: True) -> set[str]:
        seen, waiting = {start}, [start]
        while waiting:
            here = waiting.pop()
            for source, target, edge in self._steps():
                if source == here and target not in seen and by(source, edge):
                    seen.add(target)
                    waiting.append(target)
        return seen

    def _reachability(self) -> Iterator[tuple[str, str]]:
        reachable = self._reachable(NEW)
        leads_away = {source for source, target, _ in self._steps() if source != target}
        for name, state in self._machine.states.items():
            if name not in reachable:
                yield f"states.{name}", say("unreachable_state")
            elif not state.final and name not in leads_away:
                yield f"states.{name}", say("dead_end")
        for index, edge in enumerate(self._machine.edges):
            for event in edge.four_eyes.events if edge.four_eyes else ():
                happened = {t for s, t, e in self._steps() if e.event == event and s in reachable}
                before = set().union(*(self._reachable(state) for state in happened)) if happened else set()
                if not before & set(edge.sources):
                    yield f"edge[{index}].{edge.event}.four_eyes", say("four_eyes_event", name=event)

    def _choices(self) -> Iterator[tuple[str, str]]:
        """Between edges of one event from one state, each must be choosable and one must be left over."""
        for (event, state), edges in self._machine.edges_from.items():
            for role in sorted({role for edge in edges for role in edge.by}):
                mine = [edge for edge in edges if role in edge.by]
                key = f"edge.{event}"
                conditions = [edge.when for edge in mine]
                taken: set[str | None] = set()
                for condition in conditions:
                    if condition in taken or None in taken:
                        yield key, say("never_chosen", state=state, role=role)
                    taken.add(condition)
                if None not in taken:
                    yield key, say("no_default", state=state, role=role)
                if len({tuple(sorted(edge.fields.items())) for edge in mine}) > 1:
                    yield key, say("evidence_differs", state=state, role=role)

    def _timers(self) -> Iterator[tuple[str, str]]:
        machine = self._machine
        for timer in machine.timers:
            key = f"timer.{timer.name}"
            if not (timer.on_due or timer.reminders or timer.escalation):
                yield key, say("timer_no_effect")
            yield from self._timer_periods(timer, key)
        driven = {(timer.on_due, state) for timer in machine.timers for state in timer.period_of}
        for edge in machine.edges:
            for source in edge.sources if Role.TIMER in edge.by else ():
                if (edge.event, source) not in driven:
                    yield f"edge.{edge.event}", say("timer_event_unused", name=edge.event, state=source)
            if EffectName.IMPOSE_BAN in edge.effects:
                bars = any(t.side is Side.NOBODY and edge.to in t.period_of for t in machine.timers)
                if not bars:
                    yield f"edge.{edge.event}", say("ban_without_timer", state=edge.to)

    def _timer_periods(self, timer: Timer, key: str) -> Iterator[tuple[str, str]]:
        for period in timer.periods:
            if period.length is None and not period.length_from:
                yield f"{key}.{period.state}", say("timer_no_length")
            if period.length_from:
                into = [edge.fields for s, t, edge in self._steps() if t == period.state and s != t]
                offered = {name for fields in into for name in fields}
                if period.length_from not in offered:
                    message = say("length_from", name=period.length_from, state=period.state)
                    yield f"{key}.{period.state}", message + hint(period.length_from, offered)
                elif period.length is None and not all(fields.get(period.length_from) for fields in into):
                    message = say("length_optional", name=period.length_from, state=period.state)
                    yield f"{key}.{period.state}", message
            if timer.on_due:
                edges = self._machine.edges_from.get((timer.on_due, period.state), ())
                if not any(Role.TIMER in edge.by for edge in edges):
                    yield key, say("timer_event", name=timer.on_due, state=period.state)

    def _openings(self) -> Iterator[tuple[str, str]]:
        for edge in self._machine.edges:
            if edge.opens is None:
                continue
            opened = self._pack.machines.get(edge.opens)
            if opened is None:
                yield f"edge.{edge.event}.opens", say("no_machine", name=edge.opens)
            elif opening_edge(opened) is None:
                yield f"edge.{edge.event}.opens", say("opens_nothing", name=edge.opens)

    def _right_to_be_heard(self) -> Iterator[tuple[str, str]]:
        """No way to a cancelled title before the holder has spoken, or its time to speak is over.

        The last step must leave a state where it is heard, and no office takes a title by another name.
        """
        states = self._machine.states
        unheard = self._reachable(NEW, lambda source, edge: not self._hears(source, edge))
        for source, target, edge in self._steps():
            key = f"edge.{edge.event}"
            if source == target:
                continue
            if states[target].title_cancelled:
                if source in unheard and not self._hears(source, edge):
                    yield key, say("not_heard", state=source, to=target)
                elif not states[source].right_to_be_heard:
                    yield key, say("not_heard_cancel", state=source, to=target)
            elif source != NEW and states[source].titled and not states[target].titled and OFFICE_ROLES & {*edge.by}:
                yield key, say("title_lost", state=source, to=target)

    def _hears(self, source: str, edge: Edge) -> bool:
        """Whether by this step the holder speaks, or lets its time to speak pass."""
        if source == NEW or not self._machine.states[source].right_to_be_heard:
            return False
        ended = {timer.on_due for timer in self._machine.timers if timer.side is Side.APPLICANT}
        return {*edge.by} == {Role.APPLICANT} or ({*edge.by} == {Role.TIMER} and edge.event in ended)


def opening_edge(machine: Machine) -> Edge | None:
    """The edge by which another case opens a case of this machine."""
    return next((e for e in machine.edges if NEW in e.sources and Role.CASE in e.by), None)
