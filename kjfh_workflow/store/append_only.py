"""The triggers by which the database itself refuses to change what was decided. Used by migrations only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


def refuse_changes(dialect: str, keys: Mapping[str, str]) -> Iterator[str]:
    """The statements that make tables append-only.

    Args:
        dialect: ``postgresql`` or ``sqlite``.
        keys: table → its primary key columns, with commas between them.
    """
    if dialect == "postgresql":
        yield (
            "CREATE OR REPLACE FUNCTION kjfh_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP; END $$"
        )
        yield from (_statement_trigger(table, "UPDATE OR DELETE OR TRUNCATE") for table in keys)
        return
    for table, key in keys.items():
        for act in ("UPDATE", "DELETE"):
            yield _abort(
                f"{table}_no_{act.lower()}", f"BEFORE {act} ON {table}", f"{table} is append-only: {act} refused"
            )
        yield _no_replace(table, tuple(key.split(", ")))


def settle_once(dialect: str, table: str, key: tuple[str, ...], fixed: Iterable[str]) -> Iterator[str]:
    """The statements that let an alarm leave ``armed`` once, change nothing else of it, and never be deleted.

    Args:
        dialect: ``postgresql`` or ``sqlite``.
        table: the table of alarms.
        key: its primary key columns.
        fixed: the columns that never change.
    """
    if dialect == "postgresql":
        changed = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in fixed)
        yield (
            "CREATE OR REPLACE FUNCTION kjfh_settle_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF TG_OP = 'UPDATE' THEN IF OLD.outcome = 'armed' AND NOT ({changed}) THEN RETURN NEW; END IF; END IF; "
            "RAISE EXCEPTION 'an alarm has one outcome: % refused', TG_OP; END $$"
        )
        yield (
            f"CREATE TRIGGER {table}_settle_once BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE PROCEDURE kjfh_settle_once()"
        )
        yield _statement_trigger(table, "TRUNCATE")
        return
    changed = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in fixed)
    message = "an alarm has one outcome: {} refused"
    yield _abort(
        f"{table}_settle_once",
        f"BEFORE UPDATE ON {table} WHEN OLD.outcome <> 'armed' OR {changed}",
        message.format("UPDATE"),
    )
    yield _abort(f"{table}_no_delete", f"BEFORE DELETE ON {table}", message.format("DELETE"))
    yield _no_replace(table, key)


def keep_rows(dialect: str, tables: Iterable[str]) -> Iterator[str]:
    """The statements that refuse to delete from tables whose rows may change.

    Args:
        dialect: ``postgresql`` or ``sqlite``.
        tables: their names; on PostgreSQL after ``refuse_changes``, whose function they use.
    """
    for table in tables:
        if dialect == "postgresql":
            yield _statement_trigger(table, "DELETE OR TRUNCATE")
        else:
            yield _abort(f"{table}_no_delete", f"BEFORE DELETE ON {table}", f"rows of {table} stay: DELETE refused")


def _statement_trigger(table: str, acts: str) -> str:
    return (
        f"CREATE TRIGGER {table}_append_only BEFORE {acts} ON {table} "
        "FOR EACH STATEMENT EXECUTE PROCEDURE kjfh_append_only()"
    )


def _abort(name: str, when: str, message: str) -> str:
    return f"CREATE TRIGGER {name} {when} BEGIN SELECT RAISE(ABORT, '{message}'); END"


def _no_replace(table: str, key: tuple[str, ...]) -> str:
    """SQLite's INSERT OR REPLACE deletes without asking the delete triggers."""
    same = " AND ".join(f"{column} = NEW.{column}" for column in key)
    when = f"BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608
    return _abort(f"{table}_no_replace", when, f"{table} is append-only: REPLACE refused")
