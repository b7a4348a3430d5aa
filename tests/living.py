"""A town that lives: people of both cities who may do anything at any time, with good or broken evidence.

Every act is looked at as it happens (a preview agrees, a refusal changes nothing, a request sent twice is answered
once). What must be true of everything that has happened so far, ``Chronicle`` tells again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any

from kjfh_workflow import Actor, NotFound, Outcome, Refused
from kjfh_workflow.clock import SHANGHAI
from kjfh_workflow.errors import Refusal
from kjfh_workflow.policy.machine import Edge
from kjfh_workflow.policy.vocabulary import NEW, CaseKind, Role
from kjfh_workflow.rules.case import Case
from kjfh_workflow.store import cases
from kjfh_workflow.store.schema import metadata
from tests.bureau import Bureau
from tests.chronicle import Chronicle
from tests.townsfolk import CITIES, OPERATORS, PEOPLE, Pick, Wanting, chosen_award, everybody, person, sqlite_of

_MORNING, _LAST_SECOND = time(9), time(23, 59, 59)
_CHILDREN = (CaseKind.PROMOTION, CaseKind.CHANGE, CaseKind.TENANCY)


@dataclass
class Town:
    """Two cities, their people, and everything that they try."""

    bureau: Bureau
    day: date = date(2021, 3, 1)
    #: What has been tried, for whoever has to understand a failure.
    story: list[str] = field(default_factory=list)
    #: Where most things happen.
    cities: tuple[str, ...] = CITIES
    steps: int = 0
    #: Of how many days the books are kept as they were in the evening.
    evenings: int = 3
    #: Day → the books.
    _evenings: dict[date, str] = field(default_factory=dict)
    _next_close_look: int = 40

    def __post_init__(self) -> None:
        self.workflow = self.bureau.on(self.day).workflow
        self.chronicle = Chronicle(self.workflow.catalog, PEOPLE)

    # ---- looking ----

    def case(self, case_id: str) -> Case:
        """As it stands."""
        with self.workflow._database.reading() as tx:
            found = cases.load(tx, case_id)
        assert found
        return found

    def ids(self, *kinds: CaseKind, city: str = "") -> list[str]:
        """Cases of these kinds (of all, by default) in the order in which they were opened."""
        lives = self.chronicle.lives.values()
        return [one.id for one in lives if (not kinds or one.kind in kinds) and (not city or one.city == city)]

    def going_on(self, *kinds: CaseKind) -> list[str]:
        """Those that are not over."""
        lives = self.chronicle.lives
        return [one for one in self.ids(*kinds) if not lives[one].machine.states[lives[one].state].final]

    def fingerprint(self) -> list[Any]:
        """Changes with anything on file."""
        counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in metadata.tables)
        texts = "(SELECT group_concat(head || state || version) FROM kjfh_cases)"
        timers = "(SELECT count(*) FROM kjfh_timers WHERE outcome = 'armed')"
        return [*sqlite_of(self.bureau).execute(f"SELECT {counts}, {texts}, {timers}").fetchone()]

    def alias(self, case_id: str) -> str:
        """A short name for a case: its kind and its place among all."""
        life = self.chronicle.lives.get(case_id)
        return f"{life.kind}{[*self.chronicle.lives].index(case_id)}" if life else case_id

    @contextmanager
    def telling(self) -> Iterator[None]:
        """A failure inside comes with the story so far."""
        try:
            yield
        except Refused:
            raise
        except BaseException as error:
            if not getattr(error, "__notes__", None):
                error.add_note("\n".join(self.story))
            raise

    # ---- trying ----

    def try_act(
        self, case: str, event: str, by: Actor, evidence: Mapping[str, Any], *, preview: bool = False
    ) -> Outcome | None:
        """Perform an event; None if it was refused."""
        workflow, before = self.workflow, self.fingerprint()
        seen, offered = None, None
        if preview and by.may_read(self.case(case)):
            seen = workflow.preview(case, event, by=by, evidence=evidence)
            offered = {one.event: one.allowed for one in workflow.allowed_events(case, by=by)}
        elif preview:
            try:
                workflow.preview(case, event, by=by, evidence=evidence)
            except NotFound:
                pass
            else:
                raise AssertionError("a preview shows nothing to whom the case is not to be seen")
        assert self.fingerprint() == before, "a preview leaves nothing behind"

        def act(request: str) -> Outcome:
            return workflow.perform(case, event, by=by, evidence=evidence, request_id=request)

        outcome = self._tried(f"{event} {self.alias(case)}", by, evidence, act, seen)
        if outcome and offered is not None:
            assert offered.get(event), f"{event} works, but is not offered"
        return outcome

    def try_open(
        self, kind: CaseKind, event: str, by: Actor, city: str, evidence: Mapping[str, Any], parent: str = "",
        *, preview: bool = False,
    ) -> Outcome | None:  # fmt: skip
        """Open a case; None if it was refused."""
        workflow, before, seen = self.workflow, self.fingerprint(), None
        if preview:
            seen = workflow.preview_open(kind, event, by=by, city=city, evidence=evidence, parent=parent)
        assert self.fingerprint() == before, "a preview leaves nothing behind"

        def act(request: str) -> Outcome:
            return workflow.open_case(
                kind, event, by=by, city=city, evidence=evidence, parent=parent or None, request_id=request
            )

        return self._tried(f"{event} under {self.alias(parent)} in {city}", by, evidence, act, seen)

    def _tried(
        self,
        what: str,
        by: Actor,
        evidence: Mapping[str, Any],
        act: Callable[[str], Outcome],
        seen: Outcome | None,
    ) -> Outcome | None:
        self.steps += 1
        shown = {name: "…" if name in ("facts", "materials") else value for name, value in evidence.items()}
        self.story.append(f"{self.day} {by.id} {what} {shown}")
        before, request = self.fingerprint(), f"request {next(_REQUESTS)}"
        with self.telling():
            outcome, refusals = _outcome_of(act, request)
            if outcome is None:
                self.story[-1] += f" → refused {sorted({refusal.code for refusal in refusals})}"
                assert self.fingerprint() == before, "a refusal changes nothing"
                assert seen is None or seen.refusals == refusals, "a preview refuses as the act does"
                return None
            self.story[-1] += f" → {outcome.state}"
            after = self.fingerprint()
            assert outcome == act(request), "the same request again gives the first answer"
            assert self.fingerprint() == after, "and changes nothing"
            if seen:
                told = [(one.state, one.notices, one.started, one.stopped, one.version) for one in (seen, outcome)]
                assert told[0] == told[1], "a preview agrees with the act"
                assert not seen.refusals
            self.look()
        return outcome

    def try_round(self, act: str, city: str, year: object, by: Actor) -> bool:
        """Open or close a round; False if it was refused."""
        desk, before = self.workflow.rounds, self.fingerprint()
        self.story.append(f"{self.day} {by.id} {act} {city} {year}")
        with self.telling():
            try:
                made = (desk.open if act == "open_round" else desk.close)(city, year, by=by)
            except Refused as error:
                self.story[-1] += f" → refused {error.codes}"
                assert self.fingerprint() == before, "a refusal changes nothing"
                return False
            self.story[-1] += f" → {made.members} of {sum(made.titles.values())}"
            self.look()
            self.chronicle.check_round(made, desk.roster(city, made.year))
            desk.standings(city, made.year)
        return True

    def pass_time(self, days: int, *, tick: bool = True, hour: time = _MORNING) -> None:
        """Let days pass; what is due happens, or is left to be noticed later."""
        if days and self.steps > 5 * len(self._evenings) and len(self._evenings) < self.evenings:
            self._evenings[self.day] = self._books(None)
        self.day += timedelta(days=days)
        now = datetime.combine(self.day, hour, SHANGHAI)
        self.bureau.clock.instant = max(now, self.bureau.clock.instant)
        self.story.append(f"{self.day} {hour} {'tick' if tick else 'no tick'}")
        if tick:
            self.tick()

    def tick(self) -> None:
        """Everything happens whose time has come, once."""
        with self.telling():
            done = self.workflow.tick()
            assert not done.failing, done.failing
            self.look()
            rest = self.fingerprint()
            assert self.workflow.tick().rung == 0, "a tick leaves nothing due"
            assert self.fingerprint() == rest

    def look(self) -> None:
        """Everything that has happened is as it must be."""
        with self.workflow._database.reading() as tx:
            self.chronicle.catch_up(tx)

    def look_closely(self) -> None:
        """History folds to what is on file, and what was known on a past day is known still."""
        with self.telling():
            self.look()
            report = self.workflow.verify()
            assert report.holds, report.problems
            for day, evening in self._evenings.items():
                assert self._books(day) == evening, f"the books as known on {day} are those of that evening"
            if self.evenings:
                self.workflow.docket(days=400)

    def _books(self, known: date | None) -> str:
        books, money = self.workflow.books, self.workflow.ledger
        tables = [books.register(known=known), books.ended(known=known), money.table(known=known)]
        return repr([[*table.rows] for table in tables])

    # ---- moves: what somebody may come to do next ----

    def settle(self, pick: Pick) -> None:
        """A few titles are there from the beginning; most towns are one city, where more comes together."""
        self.cities = pick((CITIES, ("yuyao",), ("cixi",)))
        for _ in range(pick((1, 2, 3, 4))):
            self.somebody_is_recognised(pick)

    def move(self, pick: Pick) -> None:
        """Something happens."""
        name = pick(_MOVES)
        getattr(self, name)(pick)
        if self.steps >= self._next_close_look:
            self._next_close_look = self.steps + 40
            self.look_closely()

    def some_time(self, pick: Pick) -> None:
        """Hours, weeks or a year pass."""
        days = pick((1, 0, 1, 2, 4, 8, 20, 60, 200, 365))
        self.pass_time(days, tick=pick((True, True, False)), hour=pick((_MORNING, time(), _LAST_SECOND)))

    def somebody_applies(self, pick: Pick) -> None:
        """An operator applies in a city."""
        city, number = pick(self.cities), pick(range(OPERATORS))
        self._open(pick, CaseKind.APPLICATION, "submit", city, number, [person(pick(CITIES), "applicant", number)])

    def somebody_is_recognised(self, pick: Pick) -> None:
        """An operator goes the straight way to a title."""
        city, number = pick(self.cities), pick(range(OPERATORS))
        opened = self._open(
            pick, CaseKind.APPLICATION, "submit", city, number, [person(city, "applicant", number)], good=True
        )
        if opened is None:
            return
        for event, role in _STRAIGHT:
            if not self._act(pick, opened.case, event, [person(city, role)] * 5 + [person(city, "hats")], good=True):
                return

    def somebody_is_registered(self, pick: Pick) -> None:
        """A title enters that the system has not granted."""
        city, number = pick(self.cities), pick(range(OPERATORS))
        by = [person(city, "tech_lead"), *everybody(city)] if pick((False, True, True)) else [person(city, "tech_lead")]
        self._open(pick, CaseKind.INCUBATOR, "register_title", city, number, by)

    def something_happens(self, pick: Pick) -> None:
        """Some event of some case, mostly of one that goes on, by somebody who may."""
        if found := (self.going_on() if pick(range(4)) else self.ids()):
            case = pick(found)
            self._event(pick, case, fitting=pick((True, True, True, True, False)))

    def an_application_goes_on(self, pick: Pick) -> None:
        """Some event of an application by somebody who may."""
        if found := self.going_on(CaseKind.APPLICATION):
            self._event(pick, pick(found), fitting=True)

    def something_happens_to_a_title(self, pick: Pick) -> None:
        """Some event of some incubator by somebody who may."""
        if found := self.going_on(CaseKind.INCUBATOR):
            self._event(pick, pick(found), fitting=True)

    def something_goes_on(self, pick: Pick) -> None:
        """Some event of a promotion, a change or a tenancy by somebody who may."""
        if found := self.going_on(*_CHILDREN):
            self._event(pick, pick(found), fitting=True)

    def something_begins(self, pick: Pick) -> None:
        """A promotion, a change or a tenancy under some incubator."""
        titles = self.going_on(CaseKind.INCUBATOR) if pick(range(6)) else self.ids(CaseKind.INCUBATOR)
        if not titles:
            return
        parent = self.case(pick(titles))
        kind = pick(_CHILDREN)
        machine = self.workflow.catalog.pinned(parent.city, parent.policy).machines[kind]
        event = pick(machine.events_from(NEW))
        roles = {role for edge in machine.edges_from[event, NEW] for role in edge.by}
        owner = Actor.of("owner", "applicant", parent.city, uscc=parent.uscc)
        by = [who for who in everybody(parent.city) if {*who.roles} & roles and Role.APPLICANT not in who.roles]
        by += [owner] if Role.APPLICANT in roles else []
        if pick(range(8)) == 0:
            by = everybody(pick(CITIES))
        self._open(pick, kind, event, parent.city, 0, by, parent=parent)

    def a_round_opens(self, pick: Pick) -> None:
        """Somebody opens a year's assessment."""
        city = pick(self.cities)
        by = pick([person(city, "tech_lead"), person(city, "tech_lead"), person(city, "tech_clerk")])
        years = [year for year in (self.day.year - 1, self.day.year) if not self._round(city, year)]
        if not years or pick(range(6)) == 0:
            years = [self.day.year + n for n in (-2, -1, 0, 1)]
        self.try_round("open_round", city, pick(years), by)

    def a_round_closes(self, pick: Pick) -> None:
        """Somebody closes one, ready or not."""
        city = pick(self.cities)
        by = pick([person(city, "tech_lead"), person(city, "tech_lead", 1), person(pick(CITIES), "hats")])
        years = [year for year in (self.day.year - 1, self.day.year) if len(self._round(city, year)) == 1]
        self.try_round("close_round", city, pick(years or [self.day.year]), by)

    def a_year_is_assessed(self, pick: Pick) -> None:
        """A round is opened where it has to be, everybody in it graded, and it is closed."""
        city = pick(self.cities)
        years = [year for year in (self.day.year - 1, self.day.year) if len(self._round(city, year)) < _OVER]
        if not years:
            return
        year = pick(years)
        if not self._round(city, year):
            self.try_round("open_round", city, year, person(city, "tech_lead"))
        clerk, closer = person(city, "tech_clerk", pick((0, 1))), person(city, pick(("tech_lead", "hats")))
        listed = {*self.workflow.rounds.roster(city, year)}  # by id, which is chance that nobody could play again
        roster = [one for one in self.ids(CaseKind.INCUBATOR) if one in listed]
        for case_id in roster:
            if self.case(case_id).memory.get("assessing") == year:
                self._act(pick, case_id, "propose_grade", [clerk], good=True)
        if pick(range(4)) == 0 or self.try_round("close_round", city, year, closer):
            return
        for case_id in roster:
            if self.case(case_id).memory.get("proposed", {}).get("grade") == "excellent":
                self.try_act(case_id, "propose_grade", clerk, {"grade": "qualified"})
        self.try_round("close_round", city, year, closer)

    def _round(self, city: str, year: int) -> list[str]:
        return [made.act for made in self.workflow.rounds.history(city) if made.year == year]

    def some_money_moves(self, pick: Pick) -> None:
        """Finance does something with an award that there is."""
        lives = [life for life in self.chronicle.lives.values() if life.awards]
        if not lives:
            return
        life = pick(lives)
        award = self.case(life.id).memory["awards"][pick(sorted(life.awards))]
        event = pick(MONEY.get(award["status"], ALL_MONEY)) if pick((True, True, False)) else pick(ALL_MONEY)
        edge = next(e for e in life.machine.edges_of[event] if life.state in e.sources)
        wanting = self._wanting(pick, life.id, event)
        evidence = {**wanting.evidence(edge), **chosen_award(award)}
        finance = [person(life.city, "finance"), person(life.city, "finance", 1), person(life.city, "hats")]
        self.try_act(life.id, event, pick(finance), evidence, preview=pick((False, True)))

    def misconduct_is_recorded(self, pick: Pick) -> None:
        """A reviewer enters the integrity list, where there is one."""
        before = self.fingerprint()
        evidence = {"person": "评审", "finding": "徇私", "document_no": pick(("号", ""))}
        try:
            self.workflow.books.record_misconduct(pick(CITIES), by=pick([*PEOPLE.values()]), evidence=evidence)
        except Refused:
            assert self.fingerprint() == before, "a refusal changes nothing"

    # ---- how ----

    def _event(self, pick: Pick, case_id: str, *, fitting: bool) -> None:
        case = self.case(case_id)
        machine = self.workflow.catalog.pinned(case.city, case.policy).machines[case.kind]
        if not fitting:
            self._act(pick, case_id, pick([*machine.events]), everybody(pick(CITIES)))
            return
        leaving = {event: machine.edges_from[event, case.state] for event in machine.events_from(case.state)}
        events = [event for event, edges in leaving.items() if any(_by_people(edge) for edge in edges)]
        money = [event for event in events if event in ALL_MONEY]
        events = [event for event in events if event not in ALL_MONEY]
        if not events or (money and pick(range(8)) == 0):
            events = money
        if not events:
            return
        event = pick(events)
        if event in ("surrender", "propose_revocation", "withdraw", "leave") and pick(range(4)):
            event = pick(events)  # else everything would end young
        roles = {role for edge in machine.edges_from[event, case.state] for role in edge.by}
        by = [who for who in everybody(case.city) if {*who.roles} & roles and Role.APPLICANT not in who.roles]
        by.append(person(case.city, "hats"))
        if Role.APPLICANT in roles:
            by = [next(who for who in PEOPLE.values() if who.uscc == case.uscc), *by[:1]]
        self._act(pick, case_id, event, by)

    def _act(self, pick: Pick, case_id: str, event: str, by: Sequence[Actor], *, good: bool = False) -> Outcome | None:
        case = self.case(case_id)
        machine = self.workflow.catalog.pinned(case.city, case.policy).machines[case.kind]
        who = pick(by)
        edges = [*machine.edges_from.get((event, case.state), ()), *machine.edges_of.get(event, ())]
        edge = next((edge for edge in edges if {*edge.by} & {*who.roles}), edges[0])
        wanting = self._wanting(pick, case_id, event)
        evidence = wanting.evidence(edge) if good or pick((True, True, True, False)) else wanting.broken(edge)
        return self.try_act(case_id, event, who, evidence, preview=not good and pick((False, True)))

    def _wanting(self, pick: Pick, case_id: str, event: str) -> Wanting:
        case = self.case(case_id)
        title = self.case(case.parent) if case.parent else case
        return Wanting(self.workflow.catalog.pinned(case.city, case.policy), event, self.day, pick, case, title)

    def _open(
        self, pick: Pick, kind: CaseKind, event: str, city: str, operator: int, by: Sequence[Actor],
        parent: Case | None = None, *, good: bool = False,
    ) -> Outcome | None:  # fmt: skip
        catalog = self.workflow.catalog
        pack = catalog.pinned(city, parent.policy) if parent else catalog.latest(city)
        wanting = Wanting(pack, event, self.day, pick, None, parent, operator)
        edge = pack.machines[kind].edges_from[event, NEW][-1]
        evidence = wanting.evidence(edge) if good or pick((True, True, True, False)) else wanting.broken(edge)
        preview = not good and pick((False, True))
        return self.try_open(kind, event, pick(by), city, evidence, parent.id if parent else "", preview=preview)


def _by_people(edge: Edge) -> bool:
    """Whether a person performs it, on one case."""
    return not edge.for_all and not {*edge.by} <= {Role.TIMER, Role.CASE}


def _outcome_of(act: Callable[[str], Outcome], request: str) -> tuple[Outcome | None, tuple[Refusal, ...]]:
    """What became of an act, or why nothing did."""
    try:
        return act(request), ()
    except Refused as error:
        return None, error.refusals


#: No two towns ask with the same id: one may live on where another was saved.
_REQUESTS = count()
#: A round that has been opened and closed.
_OVER = 2
_STRAIGHT = (("accept", "tech_clerk"), ("pass_preliminary", "tech_clerk"), ("endorse", "finance"),
             ("endorse", "tech_lead"))  # fmt: skip
#: Status of an award → what Finance may do with it.
MONEY = {
    "scheduled": ("lapse_award",), "proposed": ("approve_award", "approve_award", "hold_award", "lapse_award"),
    "held": ("release_award", "release_award", "lapse_award"),
    "approved": ("pay_award", "pay_award", "pay_award", "hold_award", "release_award", "lapse_award"),
    "paid": ("reverse_award", "pay_award"),
}  # fmt: skip
ALL_MONEY = ("approve_award", "pay_award", "release_award", "hold_award", "lapse_award", "reverse_award")
_MOVES = (
    "some_time", "some_time", "some_time", "some_time", "somebody_is_recognised", "something_happens",
    "something_happens", "something_happens_to_a_title", "something_happens_to_a_title", "something_begins",
    "something_goes_on", "something_goes_on", "a_year_is_assessed", "a_year_is_assessed", "some_money_moves",
    "some_money_moves", "some_money_moves", "somebody_applies", "somebody_is_registered", "a_round_opens",
    "a_round_closes", "an_application_goes_on", "misconduct_is_recorded",
)  # fmt: skip
