"""What the database's role may do with the program's tables, so that a forgotten GRANT is told before an act meets it.

What it should be granted stands in ``docs/operations.md``.
"""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Engine, func, select

from kjfh_workflow.errors import SchemaMismatch
from kjfh_workflow.store.schema import metadata

#: Queues, of which rows are taken away when they are done.
_EMPTIED = ("kjfh_unpublished", "kjfh_followers", "kjfh_withheld")


def check(engine: Engine) -> None:
    """That this role may do what the program does; on SQLite whoever may write the file may.

    Raises:
        SchemaMismatch: with the grants that are missing, for the tables' owner to run.
    """
    if engine.dialect.name != "postgresql":
        return
    rights = [(right, table) for table in sorted(metadata.tables) for right in ("SELECT", "INSERT", "UPDATE")]
    rights += [("DELETE", table) for table in _EMPTIED]
    asked = [func.has_table_privilege(table, right) for right, table in rights]
    for table in metadata.sorted_tables:
        if (column := table.autoincrement_column) is not None:
            rights.append(("USAGE", f"{table.name}_{column.name}_seq"))
            asked.append(func.has_sequence_privilege(func.pg_get_serial_sequence(table.name, column.name), "USAGE"))
    with engine.connect() as connection:
        role, *granted = connection.execute(select(func.current_user(), *asked)).one()
    missing: defaultdict[str, list[str]] = defaultdict(list)
    for (right, place), may in zip(rights, granted, strict=True):
        if may is False:
            missing[right].append(place)
    if missing:
        grants = "; ".join(
            f"GRANT {right} ON {'SEQUENCE ' * (right == 'USAGE')}{', '.join(places)} TO {role}"
            for right, places in missing.items()
        )
        raise SchemaMismatch(f"the role {role} may not do what the program does; let the tables' owner run: {grants}")
