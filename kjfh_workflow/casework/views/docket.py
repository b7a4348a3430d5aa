"""The docket (日程): what falls due, for whom, under which article, and where each case ends if nobody acts.

It only reads: a deadline that has passed unnoticed is told as such, and stays for the next tick. How it becomes a
calendar file is ``ics``' business; tables are the command line's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from kjfh_workflow.casework.office import Moment, Office
from kjfh_workflow.casework.perform import known_to
from kjfh_workflow.casework.ticks import Failing
from kjfh_workflow.errors import WorkflowError
from kjfh_workflow.policy.catalog import Catalog
from kjfh_workflow.policy.machine import Machine, Timer
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.phrases import roles_in_words
from kjfh_workflow.policy.vocabulary import CaseKind, Role, Side, Status
from kjfh_workflow.rules.awaited import responsible_for
from kjfh_workflow.rules.calendar import WorkCalendar
from kjfh_workflow.rules.case import Actor, Case, Reads, reads_of
from kjfh_workflow.rules.clocks import Clock, clocks_of
from kjfh_workflow.rules.deadlines import chinese, workdays_between
from kjfh_workflow.rules.foresight import Foreseen, foresee
from kjfh_workflow.store import timers
from kjfh_workflow.store.database import CoreTransaction
from kjfh_workflow.store.docket import Place, cases_due
from kjfh_workflow.store.paging import CASE, DAY, NAME, check_key

#: How far ahead anybody may look, in days.
MOST_DAYS = 3650
#: Joins what says where an item stands; no part of it holds one.
_JOINT = "/"


@dataclass(frozen=True, slots=True)
class NextAlarm:
    """The alarm of a clock that rings next."""

    name: str
    label: str
    #: At 00:00 of this day; in the past if no tick has noticed it yet.
    on: date


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that will happen by itself."""

    #: At 00:00 of this day, the end of the day before.
    on: date
    timer: str
    event: str
    event_label: str
    state: str
    state_label: str


@dataclass(frozen=True, slots=True)
class Ending:
    """Where a case ends if nobody acts."""

    state: str
    state_label: str
    #: From which day; None if nothing changes by itself.
    on: date | None
    #: The case is over then; otherwise a person has to decide.
    final: bool
    steps: tuple[Happening, ...]
    #: All of it as one Chinese phrase.
    words: str


@dataclass(frozen=True, slots=True)
class Item:
    """One running clock, with all that whoever must act should know."""

    #: The legal last day, until 24:00.
    due: date
    overdue: bool
    #: 0 on the last day itself, negative once it has passed.
    days_left: int
    working_days_left: int
    #: The calendar of its year is not announced yet: the date may still change.
    provisional: bool
    case: str
    city: str
    city_label: str
    kind: CaseKind
    kind_label: str
    type: str
    type_label: str
    operator: str
    uscc: str
    state: str
    state_label: str
    timer: str
    timer_label: str
    #: Which time this timer runs in this case.
    sequence: int
    article: str
    status: Status
    status_label: str
    side: Side
    #: Who must act; nobody for a burden that simply ends.
    responsible: tuple[Role, ...]
    who: str
    #: How the date was found, in one Chinese sentence.
    proof: str
    next_alarm: NextAlarm | None
    #: What the passing of the last day performs; empty where it decides nothing.
    event: str
    event_label: str
    ends: Ending


@dataclass(frozen=True, slots=True)
class Docket:
    """What falls due until a day, as somebody may see it; what is overdue stands first."""

    made_at: datetime
    today: date
    until: date
    items: tuple[Item, ...]
    #: Alarms whose time has come and that cannot ring: something of the program must be mended first.
    failing: tuple[Failing, ...] = ()

    def page(self, after: str = "", limit: int = 200) -> tuple[tuple[Item, ...], str | None]:
        """At most *limit* of the items behind a key, and the key behind which the rest stands; None at the end.

        Raises:
            InputError: for a key that no page of a docket has given.
        """
        check_key(after, _JOINT.join((DAY, CASE, NAME)))
        start = tuple(after.split(_JOINT, 2)) if after else ()
        behind = [item for item in self.items if _place(item) > start]
        more = len(behind) > limit
        return tuple(behind[:limit]), _JOINT.join(_place(behind[limit - 1])) if more else None


def docket(office: Office, tx: CoreTransaction, reader: Actor | None, days: int, city: str = "") -> Docket:
    """Every running clock whose last day has passed, or is today or within *days*.

    Args:
        office: packs and clock.
        tx: to read with.
        reader: whose cases; None for the program itself.
        days: how far ahead to look, 1 to ``MOST_DAYS``.
        city: only this city's.

    Raises:
        NotFound: for a city without packs, or a case whose pack is not loaded.
        WorkflowError: if *days* is out of range.
    """
    if not 1 <= days <= MOST_DAYS:
        raise WorkflowError(f"the docket looks 1 to {MOST_DAYS} days ahead, not {days}")
    if city:
        office.catalog.versions(city)
    moment = office.moment(tx)
    until = moment.today + timedelta(days=days)
    reads = reads_of(reader)
    found: list[Item] = []
    for case in cases_due(tx, reads, until, city, silent_places(office.catalog)):
        found += _items(office, tx, case, until, moment)
    found.sort(key=_place)
    return Docket(moment.now, moment.today, until, tuple(found), tuple(_failing(tx, reads, city)))


def _place(item: Item) -> tuple[str, ...]:
    """Where it stands among the others: by day, then by case."""
    return (item.due.isoformat(), item.case, item.timer)


def _failing(tx: CoreTransaction, reads: Reads, city: str) -> Iterator[Failing]:
    for row in timers.failing(tx, reads):
        if not city or row["city"] == city:
            yield Failing(row["case_id"], row["timer"], row["alarm"], row["error"])


def silent_places(catalog: Catalog) -> Iterator[Place]:
    """Where a clock that has passed has neither decided nor nags: it runs on without an alarm."""
    for pack in catalog:
        for kind, machine in pack.machines.items():
            for timer in machine.timers:
                if not timer.on_due and not timer.escalation:
                    for period in timer.periods:
                        yield Place(pack.city, pack.version, kind, period.state)


def _items(office: Office, tx: CoreTransaction, case: Case, until: date, moment: Moment) -> Iterator[Item]:
    clocks = [clock for clock in clocks_of(case).values() if clock.due <= until]
    if not clocks:
        return
    pack = office.pack_of(case)
    ends = _ending(pack, case, foresee(pack, case, known_to(office, tx, case, case.uscc, moment)))
    for clock in clocks:
        yield _item(pack, case, clock, ends, moment)


def _item(pack: PolicyPack, case: Case, clock: Clock, ends: Ending, moment: Moment) -> Item:
    machine = pack.machines[case.kind]
    timer = machine.timer_of[clock.timer]
    period = timer.period_of[clock.state]
    responsible = case.still_at_work(responsible_for(machine, timer, period))
    return Item(
        due=clock.due,
        overdue=moment.today > clock.due,
        days_left=(clock.due - moment.today).days,
        working_days_left=_working_days(moment.calendar, moment.today, clock.due),
        provisional=clock.deadline.provisional,
        case=case.id,
        city=case.city,
        city_label=pack.identity.city_label,
        kind=case.kind,
        kind_label=pack.words("kinds", case.kind),
        type=case.type,
        type_label=pack.identity.types[case.type].label,
        operator=case.name,
        uscc=case.uscc,
        state=case.state,
        state_label=machine.states[case.state].label,
        timer=timer.name,
        timer_label=timer.label,
        sequence=clock.sequence,
        article=period.article,
        status=period.status,
        status_label=pack.words("statuses", period.status),
        side=timer.side,
        responsible=responsible,
        who=roles_in_words(pack, responsible) or pack.words("sides", timer.side),
        proof=clock.in_words(pack.words("units", clock.deadline.unit)),
        next_alarm=_next_alarm(pack, clock),
        event=timer.on_due or "",
        event_label=_at_the_end(machine, timer, overdue=moment.today > clock.due),
        ends=ends,
    )


def _working_days(calendar: WorkCalendar, today: date, due: date) -> int:
    return workdays_between(calendar, today, due) if today <= due else -workdays_between(calendar, due, today)


def _next_alarm(pack: PolicyPack, clock: Clock) -> NextAlarm | None:
    if not clock.alarms:
        return None
    on, name = min((day, name) for name, day in clock.alarms.items())
    return NextAlarm(name, pack.words("alarms", name.partition(".")[0]), on)


def _at_the_end(machine: Machine, timer: Timer, *, overdue: bool) -> str:
    """What happens at 24:00 of the last day."""
    if timer.on_due:
        return machine.events[timer.on_due] + ("（已届满，待巡检记载）" if overdue else "")
    nags = "催办" if timer.escalation else "记载逾期"
    return f"{'已逾期，' if overdue else ''}只{nags}，不作决定"


def _ending(pack: PolicyPack, case: Case, foreseen: Foreseen) -> Ending:
    machine = pack.machines[case.kind]
    steps = tuple(
        Happening(
            step.on, step.timer, step.event, machine.events[step.event], step.state, machine.states[step.state].label
        )
        for step in foreseen.steps
    )
    state = machine.states[foreseen.state]
    words = _ending_in_words(case, state.label, steps, rests=foreseen.rests)
    if not state.final:
        words += "，须由人决定"
    return Ending(foreseen.state, state.label, foreseen.on, state.final, steps, words)


def _ending_in_words(case: Case, label: str, steps: tuple[Happening, ...], *, rests: bool) -> str:
    if not rests:
        return "各期限循环往复，不会自行了结"
    if not steps:
        return f"仍为“{label}”"
    states = [case.state, *(step.state for step in steps)]
    # What happens to it afterwards may leave it where it is.
    reached = max((n for n in range(1, len(states)) if states[n] != states[n - 1]), default=0)
    if not reached:
        return f"{chinese(steps[-1].on)}起{steps[-1].event_label}，仍为“{label}”"
    return f"{chinese(steps[reached - 1].on)}起“{label}”"
