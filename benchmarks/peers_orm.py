"""Peer: bare ``transitions``, a machine for each object as in its README, on the SQLAlchemy ORM.

One session and one commit for each act; a history row, a timer row and an outbox row go with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import JSON, DateTime, ForeignKey, create_engine, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, reconstructor
from transitions import Machine

from benchmarks.life import DAYS, GROUND, MISSING, OVERRIDE, Act, Applicant
from benchmarks.targets import Target

_TERM = timedelta(days=30)
_DEPARTMENTS = {"finance", "tech_lead"}


class Base(DeclarativeBase):
    """The ORM's registry."""

    type_annotation_map = {dict[str, Any]: JSON, list[str]: JSON, datetime: DateTime(timezone=True)}  # noqa: RUF012


class Application(Base):
    """One application."""

    __tablename__ = "application"
    states = (
        "new", "applied", "correction", "preliminary_review", "joint_finance_review", "recognized", "rejected",
    )  # fmt: skip
    transitions = (
        {"trigger": "submit", "source": "new", "dest": "applied", "conditions": "is_complete"},
        {"trigger": "accept", "source": "applied", "dest": "preliminary_review"},
        {
            "trigger": "return_for_correction",
            "source": ["applied", "preliminary_review"],
            "dest": "correction",
            "before": "note_missing",
        },
        {"trigger": "resubmit", "source": "correction", "dest": "preliminary_review", "before": "take_area"},
        {
            "trigger": "pass_preliminary",
            "source": "preliminary_review",
            "dest": "joint_finance_review",
            "conditions": "meets_criteria",
        },
        {
            "trigger": "endorse",
            "source": "joint_finance_review",
            "dest": "recognized",
            "prepare": "note_endorsement",
            "conditions": "all_endorsed",
        },
        {"trigger": "endorse", "source": "joint_finance_review", "dest": "="},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(default="new")
    uscc: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    facts: Mapped[dict[str, Any]]
    missing: Mapped[list[str]] = mapped_column(default=list)
    endorsed: Mapped[list[str]] = mapped_column(default=list)
    opened_on: Mapped[date]
    changed_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC), onupdate=lambda: datetime.now(UTC))

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.attach()

    @reconstructor
    def attach(self) -> None:
        """Give the object its machine, also after loading."""
        self.machine = Machine(
            model=self, states=[*self.states], transitions=[*self.transitions], initial=self.state or "new"
        )

    def is_complete(self) -> bool:
        """The facts name an operator and tenants."""
        return bool(self.facts.get("operator") and self.facts.get("tenants"))

    def meets_criteria(self) -> bool:
        """Three of the criteria, as conditions are written by hand."""
        premises, fund = self.facts["premises"], self.facts["fund"]
        return bool(
            premises["area_m2"] >= 5000
            and len(self.facts["tenants"]) >= 10
            and fund["own_seed_yuan"] + fund["partner_yuan"] >= 1_000_000
        )

    def all_endorsed(self, **_: Any) -> bool:
        """Every department has."""
        return {*self.endorsed} >= _DEPARTMENTS

    def note_missing(self, missing: list[str]) -> None:
        """What was asked for."""
        self.missing = missing

    def take_area(self, area_m2: int) -> None:
        """The corrected area."""
        self.facts = {**self.facts, "premises": {**self.facts["premises"], "area_m2": area_m2}}

    def note_endorsement(self, department: str) -> None:
        """Which department has endorsed."""
        self.endorsed = [*self.endorsed, *({department} - {*self.endorsed})]


class Incubator(Base):
    """A title that an application has won."""

    __tablename__ = "incubator"
    states = ("recognized", "revocation_proposed", "revoked")
    transitions = (
        {
            "trigger": "propose_revocation",
            "source": "recognized",
            "dest": "revocation_proposed",
            "before": "note_ground",
        },
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(default="recognized")
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"))
    uscc: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    ground: Mapped[str] = mapped_column(default="")
    recognised_on: Mapped[date]

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.attach()

    @reconstructor
    def attach(self) -> None:
        """Give the object its machine, also after loading."""
        self.machine = Machine(
            model=self, states=[*self.states], transitions=[*self.transitions], initial=self.state or "recognized"
        )

    def note_ground(self, ground: str) -> None:
        """Why."""
        self.ground = ground


class History(Base):
    """One act."""

    __tablename__ = "history"
    id: Mapped[int] = mapped_column(primary_key=True)
    case: Mapped[str] = mapped_column(index=True)
    event: Mapped[str]
    source: Mapped[str]
    target: Mapped[str]
    actor: Mapped[str]
    happened_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))


class Timer(Base):
    """A deadline of a case."""

    __tablename__ = "timer"
    id: Mapped[int] = mapped_column(primary_key=True)
    case: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    due: Mapped[date]
    outcome: Mapped[str] = mapped_column(default="armed")


class Outbox(Base):
    """A notice waiting to be sent."""

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(primary_key=True)
    case: Mapped[str] = mapped_column(index=True)
    notice: Mapped[str]
    role: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    queued_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))


_C = TypeVar("_C", Application, Incubator)


class OrmPeer:
    """The contestant."""

    name = "transitions + ORM"

    def __init__(self, target: Target) -> None:
        self.engine = create_engine(target.url("orm"))
        if not target.server:

            @event.listens_for(self.engine, "connect")
            def on_connect(connection: Any, _record: object) -> None:
                for pragma in ("journal_mode=WAL", f"synchronous={target.synchronous}", "foreign_keys=ON"):
                    connection.execute(f"PRAGMA {pragma}")

        Base.metadata.create_all(self.engine)

    def acts(self, applicant: Applicant) -> Sequence[Act]:
        """As ``Contestant.acts``."""
        return _Life(self, applicant).acts()

    def close(self) -> None:
        """As ``Contestant.close``."""
        self.engine.dispose()


class _Life:
    """One application on its way."""

    def __init__(self, peer: OrmPeer, applicant: Applicant) -> None:
        self._engine = peer.engine
        self._applicant = applicant
        self._application = 0
        self._incubator = 0
        self._facts = applicant.facts

    def acts(self) -> Sequence[Act]:
        area = OVERRIDE["premises.area_m2"]
        return [
            self._submit,
            lambda: self._act(1, "accept", "clerk"),
            lambda: self._act(2, "return_for_correction", "clerk", missing=MISSING),
            lambda: self._act(3, "resubmit", "op", area_m2=area),
            lambda: self._act(4, "pass_preliminary", "clerk"),
            lambda: self._act(5, "endorse", "finance", department="finance"),
            lambda: self._act(6, "endorse", "lead", department="tech_lead"),
            self._propose_revocation,
        ]

    def _submit(self) -> None:
        with Session(self._engine) as session:
            who = self._applicant
            closed = ("recognized", "rejected")
            query = select(Application.id).where(Application.uscc == who.uscc, Application.state.not_in(closed))
            if session.scalar(query.limit(1)) is not None:
                raise PermissionError
            case = Application(state="new", uscc=who.uscc, name=who.name, facts=self._facts, opened_on=DAYS[0])
            session.add(case)
            session.flush()
            self._fire(session, case, 0, "submit", "op")
            session.commit()
            self._application = case.id

    def _act(self, number: int, event: str, actor: str, **given: Any) -> None:
        with Session(self._engine) as session:
            case = self._load(session, Application, self._application)
            self._fire(session, case, number, event, actor, **given)
            if case.state == "recognized":
                opened = Incubator(
                    state="recognized", application_id=case.id, uscc=case.uscc, name=case.name,
                    recognised_on=DAYS[number],
                )  # fmt: skip
                session.add(opened)
                session.flush()
                self._incubator = opened.id
            session.commit()

    def _propose_revocation(self) -> None:
        with Session(self._engine) as session:
            case = self._load(session, Incubator, self._incubator)
            self._fire(session, case, 7, "propose_revocation", "clerk", ground=GROUND)
            session.commit()

    @staticmethod
    def _load(session: Session, kind: type[_C], key: int) -> _C:
        return session.get_one(kind, key, with_for_update=True)

    @staticmethod
    def _fire(
        session: Session, case: Application | Incubator, number: int, event: str, actor: str, **given: Any
    ) -> None:
        source = case.state
        if not getattr(case, event)(**given):
            raise PermissionError(event)
        key, due = f"{type(case).__name__}:{case.id}", DAYS[number] + _TERM
        session.add(History(case=key, event=event, source=source, target=case.state, actor=actor))
        session.add(Timer(case=key, name=event, due=due))
        session.add(
            Outbox(
                case=key,
                notice=event,
                role="applicant",
                subject=f"{case.name}：{event}",
                body=f"{case.name}（{case.uscc}）：你单位的事项已办理“{event}”，现为“{case.state}”，办理期限至{due}。",
            )
        )
