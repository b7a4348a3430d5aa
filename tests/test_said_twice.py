"""What is said twice counts once where no Idempotency-Key is taken: proofs, holidays, confirmations, addresses.

The answer got lost, or two windows send at once: one row, and the same answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from kjfh_workflow import Actor, Conflict
from tests.api import Api, as_, served
from tests.bureau import Bureau
from tests.post import ADMIN, Way, later, office, queue

WANG = Actor.of("wang", "tech_clerk", "yuyao", name="王某")
LI = Actor.of("li", "tech_clerk", "yuyao", name="李办")
OTHER_ADMIN = Actor.of("root-2", "admin", "cixi", name="另一管理员")
SERVED = {"how": "直接送达", "on": "2021-03-01", "served_by": "王某", "received_by": "李某"}
HOLIDAY = {"source": "国办发明电〔2021〕1号", "rest": ["2021-03-15", "2021-03-16"]}
CONFIRMED = {"key": "in_force", "on": "2021-03-01", "note": "局长办公会"}
CONFIRMATIONS = "/v1/packs/yuyao/2020-01-01/confirmations"
TABLES = ("services", "holiday_notices", "confirmations", "addresses")


@pytest.fixture
def posting(database_url: str) -> Iterator[Bureau]:
    """An office with one channel, on each database."""
    bureau = office(database_url, Way())
    yield bureau
    bureau.workflow.close()


@pytest.fixture
def api(posting: Bureau) -> Iterator[Api]:
    """Its service."""
    with served(posting) as api:
        yield api


@pytest.fixture
def rows(database_url: str) -> Iterator[Callable[[str], int]]:
    """How many rows one of the tables has."""
    engine = create_engine(database_url)

    def count(table: str) -> int:
        with engine.connect() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM kjfh_{table}")).scalar_one())

    yield count
    engine.dispose()


def test_the_same_proof_is_one_proof_and_any_difference_another(
    posting: Bureau, api: Api, rows: Callable[[str], int]
) -> None:
    [notice] = queue(posting)
    path = f"/v1/outbox/{notice}/services"
    first = api.post(path, WANG, SERVED, idempotency_key="k")
    assert first.status_code == 201
    for _ in range(2):
        again = api.post(path, WANG, SERVED | {"served_by": " 王某 "}, idempotency_key="k")
        assert (again.status_code, again.json()) == (201, first.json())
    assert rows("services") == 1
    for n, different in enumerate(
        ({"received_by": "张某"}, {"note": "见签收单"}, {"how": "邮寄送达"}, {"served_by": "赵某"}), start=2
    ):
        assert len(api.post(path, WANG, SERVED | different).json()) == n
    assert len(api.post(path, LI, SERVED).json()) == 6, "another person vouches for it"
    later(posting, days=1)
    assert len(api.post(path, WANG, SERVED | {"on": "2021-03-02"}).json()) == 7
    assert len(api.post(path, WANG, SERVED).json()) == 7, "though others have been recorded since"


def test_the_same_holidays_are_on_file_once_whoever_says_so(
    posting: Bureau, api: Api, rows: Callable[[str], int]
) -> None:
    assert api.post("/v1/holidays", ADMIN, HOLIDAY, idempotency_key="k").json() == {"number": 1}
    turned = HOLIDAY | {"rest": [*reversed(HOLIDAY["rest"])]}
    for who, body in ((ADMIN, HOLIDAY), (OTHER_ADMIN, turned)):
        again = api.post("/v1/holidays", who, body, idempotency_key="k")
        assert (again.status_code, again.json()) == (201, {"number": 1})
    assert api.post("/v1/holidays", ADMIN, HOLIDAY | {"source": "国办发明电〔2021〕2号"}).json() == {"number": 2}
    assert api.post("/v1/holidays", ADMIN, HOLIDAY | {"work": ["2021-03-21"]}).json() == {"number": 3}
    assert api.post("/v1/holidays", ADMIN, HOLIDAY).json() == {"number": 1}, "though others have been recorded since"
    assert rows("holiday_notices") == 3


def test_holidays_that_were_taken_back_since_can_be_announced_once_more(posting: Bureau) -> None:
    def announce(**days: Any) -> int:
        return posting.workflow.announce_holidays("国办发明电〔2021〕1号", by=ADMIN, **days)

    day = date(2021, 3, 15)
    assert announce(rest=[day]) == 1
    assert announce(work=[day]) == 2
    assert posting.workflow.calendar().is_workday(day)
    assert announce(rest=[day]) == 3
    assert not posting.workflow.calendar().is_workday(day)
    assert announce(rest=[day]) == 3


def test_a_confirmation_like_the_newest_is_not_recorded_again(
    posting: Bureau, api: Api, rows: Callable[[str], int]
) -> None:
    first = api.post(CONFIRMATIONS, ADMIN, CONFIRMED, idempotency_key="k")
    again = api.post(CONFIRMATIONS, ADMIN, CONFIRMED, idempotency_key="k")
    assert (again.status_code, again.json()) == (201, first.json())
    assert len(api.post(CONFIRMATIONS, ADMIN, CONFIRMED | {"note": "改为党组会"}).json()) == 2
    assert len(api.post(CONFIRMATIONS, ADMIN, CONFIRMED).json()) == 3, "it was decided otherwise in between"
    assert rows("confirmations") == 3


def test_an_address_that_counts_already_is_not_set_again(posting: Bureau, api: Api, rows: Callable[[str], int]) -> None:
    def put(address: str) -> dict[str, Any]:
        path = "/v1/addresses/yuyao/tech_lead/email"
        answer = api.client.put(path, json={"address": address}, headers=as_(ADMIN))
        assert answer.status_code == 200
        return dict(answer.json())

    assert put("") == put("")
    assert rows("addresses") == 0, "there was none to withdraw"
    assert put("a@example.cn") == put("a@example.cn")
    assert rows("addresses") == 1
    for n, address in enumerate(("b@example.cn", "a@example.cn", ""), start=2):
        put(address)
        put(address)
        assert rows("addresses") == n


def test_a_letter_that_is_sent_again_for_one_reason_leaves_once_more_and_not_twice(posting: Bureau, api: Api) -> None:
    [notice] = queue(posting)
    posting.workflow.deliver()
    path, body = f"/v1/outbox/{notice}/resends", {"channel": "mail", "reason": "对方称未收到"}
    assert api.post(path, WANG, body).status_code == 200
    assert api.post(path, WANG, body).status_code == 409
    assert posting.workflow.deliver().sent == 1
    assert api.post(path, WANG, body).status_code == 409, "the answer was lost, and the letter has left meanwhile"
    assert posting.workflow.deliver().sent == 0
    assert api.post(path, WANG, body | {"reason": "再次来电"}).status_code == 200
    assert posting.workflow.deliver().sent == 1
    assert api.post(path, WANG, body | {"reason": "再次来电"}).status_code == 409
    later(posting, days=1)
    assert api.post(path, WANG, body).status_code == 200


@pytest.mark.parametrize("table", TABLES)
def test_twins_at_once_leave_one_row(
    posting: Bureau, database_url: str, table: str, rows: Callable[[str], int]
) -> None:
    [notice] = queue(posting)
    offices = [Bureau(database_url) for _ in range(4)]
    said: dict[str, Callable[[Bureau], Any]] = {
        "services": lambda bureau: bureau.workflow.mail_room.serve(
            notice, by=WANG, how="直接送达", on=date(2021, 3, 1), served_by="王某"
        ),
        "holiday_notices": lambda bureau: bureau.workflow.announce_holidays("国办", by=ADMIN, rest=[date(2021, 3, 15)]),
        "confirmations": lambda bureau: bureau.workflow.confirm("yuyao", "in_force", by=ADMIN, note="会议"),
        "addresses": lambda bureau: bureau.workflow.mail_room.set_address(
            "yuyao", "tech_lead", "email", "a@example.cn", by=ADMIN
        ),
    }
    gate, failed = threading.Barrier(len(offices)), []

    def say(bureau: Bureau) -> None:
        gate.wait()
        try:
            said[table](bureau)
        except Conflict as error:
            failed.append(error)

    threads = [threading.Thread(target=say, args=(bureau,)) for bureau in offices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert rows(table) == 1
    for bureau in offices:
        bureau.workflow.close()
