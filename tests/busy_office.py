"""An office that works until it is killed."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import count
from multiprocessing.connection import Connection

from kjfh_workflow import Actor
from tests.bureau import Bureau, uscc


def work(url: str, done: Connection) -> None:
    """Take one application after the other through the procedure; *done* is told of each."""
    office = Bureau(url)
    first = len(office.workflow.cases(limit=100_000)) + 1000
    for number in count(first):
        office.on(date(2021, 3, 1) + timedelta(days=number % 200))
        operator = Actor.of(f"op{number}", "applicant", "yuyao", name=f"运营机构{number}", uscc=uscc(number))
        case = office.submit(operator).case
        office.act(case, "accept", office.clerk)
        office.act(case, "return_for_correction", office.clerk, missing=["证明"])
        office.act(case, "resubmit", operator)
        office.act(case, "pass_preliminary", office.clerk, findings="all_met")
        office.act(case, "endorse", office.finance)
        office.act(case, "endorse", office.lead)
        done.send(case)
