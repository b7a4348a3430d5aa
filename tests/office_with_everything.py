"""An office with something in every table: lived through once in this process, then copied for each test."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from kjfh_workflow import Actor
from tests.bureau import CIXI_USCC, Bureau, facts, uscc

_KEPT: dict[str, Callable[[URL], None]] = {}


def busy_office(database: str) -> Bureau:
    """The office, in the empty database at this URL; to be closed."""
    url = make_url(database)
    kind = url.get_backend_name()
    if kind in _KEPT:
        _KEPT[kind](url)
        return Bureau(database)
    office = Bureau(database)
    _live(office)
    _KEPT[kind] = _sqlite(url) if kind == "sqlite" else _postgresql(url)
    return office


def _sqlite(url: URL) -> Callable[[URL], None]:
    """How to put what this file holds into another."""
    kept = sqlite3.connect(":memory:")
    with closing(sqlite3.connect(str(url.database))) as lived:
        lived.backup(kept)

    def copy(to: URL) -> None:
        with closing(sqlite3.connect(str(to.database))) as empty:
            kept.backup(empty)

    return copy


def _postgresql(url: URL) -> Callable[[URL], None]:
    """How to put what this database holds into another that has the schema and nothing else."""
    with _connected(url) as lived:
        names = lived.execute("SELECT relname FROM pg_class WHERE relname LIKE 'kjfh%' AND relkind = 'r'")
        tables = {name: b"" for (name,) in names if name != "kjfh_alembic_version"}
        for name in tables:
            with lived.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(name))) as rows:
                tables[name] = b"".join(rows)
        sequences = lived.execute("SELECT sequencename, last_value FROM pg_sequences WHERE last_value > 0").fetchall()

    def copy(to: URL) -> None:
        with _connected(to) as empty:
            empty.execute("SET session_replication_role = replica")  # every row as it was, and no trigger's own
            empty.execute("DELETE FROM kjfh_feed_head")
            for name, held in tables.items():
                with empty.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(name))) as rows:
                    rows.write(held)
            for sequence in sequences:
                empty.execute("SELECT setval(%s, %s)", sequence)

    return copy


def _connected(url: URL) -> psycopg.Connection:
    return psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))


def _live(bureau: Bureau) -> None:
    """Titles of both cities, fraud, a year's assessment, awards, files, letters; all sealed."""
    bureau.recognised()
    case = bureau.submit(type="makerspace").case
    bureau.act(case, "find_fraud", bureau.lead, finding="虚报")
    admin = Actor.of("admin", "admin", "yuyao")
    bureau.workflow.confirm("yuyao", "in_force", by=admin, note="局长办公会")
    bureau.workflow.announce_holidays("测试", by=admin, rest=[date(2020, 1, 8)])
    with_money(bureau)
    misconduct = {"person": "评审甲", "finding": "徇私舞弊", "document_no": "余科〔2021〕9号"}
    bureau.workflow.books.record_misconduct("yuyao", by=bureau.lead, evidence=misconduct)
    proof = bureau.submit(type="makerspace", who=Actor.of("m", "applicant", "yuyao", uscc=uscc(6))).case
    bureau.workflow.files.attach(proof, "plan.pdf", [b"%PDF-1.7\n"], by=bureau.clerk)
    bureau.workflow.tick()
    bureau.workflow.deliver()
    mail_room, letter = bureau.workflow.mail_room, f"{case}/2/1"
    mail_room.letter(letter)
    mail_room.set_address("yuyao", "tech_lead", "email", "lead@example.com", by=admin)
    mail_room.serve(
        letter, by=bureau.clerk, how="直接送达", on=date(2021, 3, 1), served_by="王经办", received_by="张三"
    )
    bureau.workflow.checkpoint()


def with_money(bureau: Bureau) -> None:
    """A year's assessment of Yuyao, and a title of Cixi with its award in three instalments."""
    bureau.workflow.rounds.open("yuyao", 2021, by=bureau.lead)
    [title] = bureau.workflow.rounds.roster("yuyao", 2021)
    bureau.act(title, "propose_grade", bureau.clerk, grade="good")
    bureau.workflow.rounds.close("yuyao", 2021, by=bureau.lead)
    who = Actor.of("haian", "applicant", "cixi", name="慈溪海岸众创空间有限公司", uscc=CIXI_USCC)
    clerk, lead, finance, cashier = (
        Actor.of(name, role, "cixi")
        for name, role in (("zhou", "tech_clerk"), ("wu", "tech_lead"), ("chen", "finance"), ("he", "finance"))
    )
    case = bureau.submit(who, city="cixi", type="makerspace", facts=facts("cixi-makerspace")).case
    bureau.act(case, "accept", clerk)
    bureau.act(case, "pass_preliminary", clerk, findings="all_met")
    bureau.act(case, "endorse", finance)
    granted = bureau.act(case, "endorse", lead).opened["incubator"]
    first = {"kind": "recognition", "year": 2021, "instalment": 1}
    bureau.act(granted, "approve_award", finance, **first)
    bureau.act(granted, "pay_award", cashier, **first, paid_on=date(2021, 3, 1), voucher="2021-0301")
