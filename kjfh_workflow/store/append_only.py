"""The triggers by which the database itself refuses to change what was decided. Used by migrations only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def refuse_changes(dialect: str, tables: Iterable[str]) -> Iterator[str]:
    """The statements that make *tables* append-only."""
    if dialect == "postgresql":
        yield (
            "CREATE OR REPLACE FUNCTION kjfh_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP; END $$"
        )
    for table in tables:
        if dialect == "postgresql":
            yield (
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION kjfh_append_only()"
            )
        else:
            for act in ("UPDATE", "DELETE"):
                yield (
                    f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: {act} refused'); END"
                )


def settle_once(dialect: str) -> Iterator[str]:
    """The statements that let a timer row leave ``armed`` once, and never be deleted."""
    if dialect == "postgresql":
        yield (
            "CREATE OR REPLACE FUNCTION kjfh_settle_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF TG_OP = 'UPDATE' AND OLD.outcome = 'armed' THEN RETURN NEW; END IF; "
            "RAISE EXCEPTION 'timers: an alarm has one outcome: % refused', TG_OP; END $$"
        )
        yield (
            "CREATE TRIGGER timers_settle_once BEFORE UPDATE OR DELETE ON timers "
            "FOR EACH ROW EXECUTE FUNCTION kjfh_settle_once()"
        )
    else:
        yield (
            "CREATE TRIGGER timers_settle_once BEFORE UPDATE ON timers WHEN OLD.outcome <> 'armed' "
            "BEGIN SELECT RAISE(ABORT, 'timers: an alarm has one outcome: UPDATE refused'); END"
        )
        yield (
            "CREATE TRIGGER timers_no_delete BEFORE DELETE ON timers "
            "BEGIN SELECT RAISE(ABORT, 'timers: an alarm has one outcome: DELETE refused'); END"
        )
