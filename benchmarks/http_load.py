"""A database with as many cases as are asked for: copies of real lives, made by PostgreSQL itself.

Each copy has ids, codes, names and digests of its own, as long and as valid as the originals'; its days, texts and
hashes are the original's, so the copies' history does not verify, and nobody asks it to. The lives are ``http_lives``'.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import String, Table, Text

from benchmarks.http_lives import Family
from benchmarks.targets import Target
from kjfh_workflow.rules.identifiers import ALPHABET
from kjfh_workflow.store.schema import (
    cases,
    documents,
    history,
    ledger,
    metadata,
    named_firms,
    notices,
    organisations,
    outbox,
    roster,
    timers,
)

_COPIED = (organisations, documents, named_firms, cases, history, timers, notices, outbox, ledger, roster)
#: Where a copy's operator has its six characters, and an id or a digest its last five.
OPERATOR, OWN = "§§§§§§", "¤¤¤¤¤"
_SIX, _FIVE = len(OPERATOR), len(OWN)
_BASE = len(ALPHABET)
#: Copies are loaded in so many parts.
_PARTS = 20
#: Bulk loading is not what is timed: nothing is fsynced, no trigger fires, and foreign keys are known to hold.
_LOADING = (
    "SET synchronous_commit = off",
    "SET session_replication_role = replica",
    "SET maintenance_work_mem = '512MB'",
)
#: The feed as ticks would have left it: every act has its number.
_PUBLISHING = (
    "DELETE FROM kjfh_unpublished",
    "DELETE FROM kjfh_feed",
    (
        "INSERT INTO kjfh_feed (number, position, case_id, version) "
        "SELECT row_number() OVER (ORDER BY position), position, case_id, version FROM kjfh_history"
    ),
    "UPDATE kjfh_feed_head SET last = (SELECT count(*) FROM kjfh_feed)",
)


@dataclass(frozen=True)
class Copies:
    """Which copies there are: copy *n* is one of the family in whose share ``n % whole`` lies."""

    families: tuple[Family, ...]
    count: int

    @property
    def whole(self) -> int:
        """All weights."""
        return sum(family.weight for family in self.families)

    def family(self, city: str, name: str) -> Family:
        """The one of that city and name."""
        return next(family for family in self.families if (family.city, family.name) == (city, name))

    def of(self, wanted: Family) -> Iterator[str]:
        """What tells each copy of a family from the others, in the order of their ids."""
        low = sum(family.weight for family in self.families[: self.families.index(wanted)])
        for n in range(self.count):
            if low <= n % self.whole < low + wanted.weight:
                yield own(n)


def own(n: int) -> str:
    """What tells copy *n* from the others: the last five characters of its ids."""
    return "".join(ALPHABET[n // _BASE**place % _BASE] for place in reversed(range(_FIVE))).lower()


def operator(own_: str, number: int) -> str:
    """The six characters of a copy's operator; the last one lets every check character stay as the original's is.

    A code's check character is a sum of its characters, each times a power of 3, modulo 31.
    """
    said = own_.upper()
    missing = _weighed(f"{number:0{_SIX}d}") - _weighed(said)
    return said + ALPHABET[missing * pow(3, -_FIVE, _BASE) % _BASE]


def masked(text: str, own_: str, number: int) -> str:
    """A copy's text with the places marked that every other copy has otherwise."""
    return text.replace(operator(own_, number), OPERATOR).replace(own_, OWN)


def unmasked(text: str, own_: str, number: int) -> str:
    """The same for another copy."""
    return text.replace(OPERATOR, operator(own_, number)).replace(OWN, own_)


def load(target: Target, name: str, families: Sequence[Family], wanted: int) -> Copies:
    """Fill a database, in which these lives are, with copies of them until it has *wanted* cases, then tidy up."""
    each = sum(family.weight * len(family.cases) for family in families)
    copies = Copies(tuple(families), 0)
    copies = Copies(copies.families, max(copies.whole, wanted * copies.whole // each))
    with closing(target.driver(name)) as opened:
        connection: Any = opened
        cursor = connection.cursor()
        for statement in _LOADING:
            cursor.execute(statement)
        indexes = _without_indexes(cursor)
        marked = {table: _stage(cursor, table, families) for table in _COPIED}
        cursor.execute(_numbering(copies))
        connection.commit()
        for part in range(_PARTS):
            for table in _COPIED:
                cursor.execute(_copying(table, marked[table], part))
            connection.commit()
        for statement in (*_PUBLISHING, *indexes):
            cursor.execute(statement)
        connection.commit()
        connection.autocommit = True
        for statement in ("VACUUM (ANALYZE)", "CHECKPOINT"):
            cursor.execute(statement)
    return copies


def sizes(target: Target, name: str) -> dict[str, tuple[int, float]]:
    """Table → rows and megabytes, of those with any; and the database as a whole."""
    with closing(target.driver(name)) as opened:
        cursor: Any = opened.cursor()
        found = {}
        for table in metadata.sorted_tables:
            rows = cursor.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            size = cursor.execute(f"SELECT pg_total_relation_size('{table}')").fetchone()[0]
            if rows:
                found[table.name.removeprefix("kjfh_")] = (rows, size / 1e6)
        whole = cursor.execute("SELECT pg_database_size(current_database())").fetchone()[0]
        return found | {"all": (sum(rows for rows, _ in found.values()), whole / 1e6)}


def _weighed(text: str) -> int:
    return sum(ALPHABET.index(character) * pow(3, place, _BASE) for place, character in enumerate(text))


def copied_id(family: Family, place: int) -> str:
    """The id of a copy of the family's case in that place, marked where it is the copy's own."""
    return f"{family.cases[place][: -1 - _FIVE]}{ALPHABET[place].lower()}{OWN}"


def _stage(cursor: Any, table: Table, families: Sequence[Family]) -> set[str]:
    """Put a family's rows of a table aside, with marks; returns the columns in which there are any."""
    names = _columns(table)
    cursor.execute(f"CREATE TEMP TABLE {_aside(table)} AS SELECT 0 AS family, {', '.join(names)} FROM {table} LIMIT 0")
    rows = cursor.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall()
    staged, marked = [], set()
    for place, family in enumerate(families):
        marks = _marks(cursor, family)
        for row in rows:
            copy = [_with(marks, value) for value in row]
            if copy != list(row):
                staged.append([place, *copy])
                marked |= {name for name, old, new in zip(names, row, copy, strict=True) if old != new}
    if table is notices:  # a document number is given once in a city
        at = names.index("number") + 1
        staged = [[*row[:at], row[at] and row[at] + OWN, *row[at + 1 :]] for row in staged]
        marked.add("number")
    cursor.executemany(f"INSERT INTO {_aside(table)} VALUES ({', '.join(['%s'] * (1 + len(names)))})", staged)
    return marked


def _marks(cursor: Any, family: Family) -> dict[str, str]:
    """What tells the family from its copies → with marks."""
    marks = {case: copied_id(family, place) for place, case in enumerate(family.cases)}
    query = "SELECT DISTINCT facts FROM kjfh_cases WHERE id = ANY(%s) AND facts IS NOT NULL"
    for (digest,) in cursor.execute(query, [[*family.cases]]).fetchall():
        marks[digest] = digest[:-_FIVE] + OWN
    return marks | {f"{family.number:0{_SIX}d}": OPERATOR}


def _with(marks: dict[str, str], value: Any) -> Any:
    if isinstance(value, str):
        for old, new in marks.items():
            value = value.replace(old, new)
    return value


def _numbering(copies: Copies) -> str:
    """Which copy is of which family, and what its marks stand for."""
    shares, low = [], 0
    for place, family in enumerate(copies.families):
        shares.append(f"({place}, {low}, {low + family.weight}, {_weighed(f'{family.number:0{_SIX}d}')})")
        low += family.weight
    own_ = " || ".join(_character(f"n / {_BASE**place}") for place in reversed(range(_FIVE)))
    said = " + ".join(f"n / {_BASE**place} % {_BASE} * {3 ** (_FIVE - 1 - place)}" for place in range(_FIVE))
    last = _character(f"((weighed - ({said})) % {_BASE} + {_BASE}) * {pow(3, -_FIVE, _BASE)}")
    return (
        f"CREATE TEMP TABLE copies AS SELECT n, family, lower({own_}) AS own, {own_} || {last} AS operator "
        f"FROM generate_series(0, {copies.count - 1}) AS n "
        f"JOIN (VALUES {', '.join(shares)}) AS shares (family, low, high, weighed) "
        f"ON n % {copies.whole} >= low AND n % {copies.whole} < high"
    )


def _character(number: str) -> str:
    return f"substr('{ALPHABET}', ({number}) % {_BASE} + 1, 1)"


def _copying(table: Table, marked: set[str], part: int) -> str:
    chosen = []
    for name in _columns(table):
        text = isinstance(table.columns[name].type, (String, Text)) and name in marked
        found = f"replace(replace(t.{name}, '{OPERATOR}', c.operator), '{OWN}', c.own)" if text else f"t.{name}"
        # The cases did not all change at one instant.
        chosen.append(f"{found} - c.n * interval '1 second'" if name == "changed_at" else found)
    return (
        f"INSERT INTO {table} ({', '.join(_columns(table))}) SELECT {', '.join(chosen)} "
        f"FROM copies c JOIN {_aside(table)} t ON t.family = c.family WHERE c.n % {_PARTS} = {part} ORDER BY c.n"
    )


def _columns(table: Table) -> list[str]:
    """Without the one that the database counts."""
    return [column.name for column in table.columns if column.autoincrement is not True]


def _aside(table: Table) -> str:
    return table.name.replace("kjfh_", "original_")


def _without_indexes(cursor: Any) -> list[str]:
    """Drop what can be made again faster when all is there; returns how."""
    found = cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) "
        "AND indexname NOT IN (SELECT conname FROM pg_constraint)",
        [[table.name for table in _COPIED]],
    ).fetchall()
    for name, _ in found:
        cursor.execute(f'DROP INDEX "{name}"')
    return [made for _, made in found]
