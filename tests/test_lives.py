"""Random lives of both cities: whatever people and deadlines do, the house's truths hold after every step.

What may happen and what must then be true is told in ``living`` and ``chronicle``; that every edge can be taken, in
``test_whole_lives``; the sums and series by themselves, in ``test_properties``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.living import Town
from tests.townsfolk import Pick, fresh_bureau

T = TypeVar("T")
_SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


class _Lives(RuleBasedStateMachine):
    """Both cities, driven by chance."""

    town: Town

    def move(self, name: str, data: st.DataObject) -> None:
        """One move of the town; its choices are hypothesis's."""
        getattr(self.town, name)(_pick(data))

    @rule(data=st.data())
    def some_time(self, data: st.DataObject) -> None:
        self.move("some_time", data)

    def teardown(self) -> None:
        if hasattr(self, "town"):
            with self.town.telling():
                self.town.tick()
                self.town.look_closely()


class Lives(_Lives):
    """Everything may happen: to any case, by anybody, with good or broken evidence."""

    @initialize()
    def open_the_office(self) -> None:
        self.town = Town(fresh_bureau())

    @rule(data=st.data())
    def somebody_applies(self, data: st.DataObject) -> None:
        self.move("somebody_applies", data)

    @rule(data=st.data())
    def somebody_is_recognised(self, data: st.DataObject) -> None:
        self.move("somebody_is_recognised", data)

    @rule(data=st.data())
    def somebody_is_registered(self, data: st.DataObject) -> None:
        self.move("somebody_is_registered", data)

    @rule(data=st.data())
    def an_application_goes_on(self, data: st.DataObject) -> None:
        self.move("an_application_goes_on", data)

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        self.move("something_happens", data)

    @rule(data=st.data())
    def something_begins(self, data: st.DataObject) -> None:
        self.move("something_begins", data)

    @rule(data=st.data())
    def a_round_opens(self, data: st.DataObject) -> None:
        self.move("a_round_opens", data)

    @rule(data=st.data())
    def a_round_closes(self, data: st.DataObject) -> None:
        self.move("a_round_closes", data)

    @rule(data=st.data())
    def misconduct_is_recorded(self, data: st.DataObject) -> None:
        self.move("misconduct_is_recorded", data)


class Years(_Lives):
    """Titles that live on for years: rounds, money, promotions, rectification, revocation."""

    @initialize(data=st.data())
    def open_the_office(self, data: st.DataObject) -> None:
        self.town = Town(fresh_bureau())
        self.town.settle(_pick(data))

    @rule(data=st.data())
    def something_happens_to_a_title(self, data: st.DataObject) -> None:
        self.move("something_happens_to_a_title", data)

    @rule(data=st.data())
    def something_begins(self, data: st.DataObject) -> None:
        self.move("something_begins", data)

    @rule(data=st.data())
    def something_goes_on(self, data: st.DataObject) -> None:
        self.move("something_goes_on", data)

    @rule(data=st.data())
    def a_year_is_assessed(self, data: st.DataObject) -> None:
        self.move("a_year_is_assessed", data)

    @rule(data=st.data())
    def some_money_moves(self, data: st.DataObject) -> None:
        self.move("some_money_moves", data)


def _pick(data: st.DataObject) -> Pick:
    def pick(options: Sequence[T], /) -> T:
        return options[data.draw(st.integers(0, len(options) - 1))]

    return pick


TestLives = Lives.TestCase
TestLives.settings = settings(_SETTINGS, max_examples=40, stateful_step_count=40)
TestYears = Years.TestCase
TestYears.settings = settings(_SETTINGS, max_examples=40, stateful_step_count=40)
