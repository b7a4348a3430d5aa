"""The search of ``docs/operations.md`` for what is kept of a person looks wherever a person can stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import String, text

from kjfh_workflow.store.database import Database
from kjfh_workflow.store.schema import metadata
from tests.office_with_everything import busy_office

DOCUMENT = (Path(__file__).parents[1] / "docs" / "operations.md").read_text("utf-8")
#: Text that the program has made, or that names no person: ids of cases and letters, codes, digests, states, dates.
IMPERSONAL = {
    *("act", "alarm", "article", "award", "channel", "city", "claim", "digest", "document_no", "event"),
    *("facts", "follower", "hash", "head", "holder", "how", "id", "key", "kind", "level", "material", "media_type"),
    *("medium", "number", "outcome", "parent", "policy", "policy_digest", "previous", "problem", "request_digest"),
    *("request_id", "rest", "role", "sha256", "slot", "source", "state", "status", "target", "timer", "titles"),
    *("type", "what", "work", "case_id", "notice", "notice_id"),
}  # fmt: skip
#: Bytes of files: evidence is not looked into, as is said; letters hold the words of their notices.
FILES = {("kjfh_file_parts", "body"), ("kjfh_letters", "body")}
#: Names of the program's own things: channels and followers as they are configured.
NAMED_BY_THE_OFFICE = {("kjfh_channels", "name"), ("kjfh_followers", "name")}


def search() -> str:
    """The statement as it is printed, for a driver."""
    found = re.search(r"```sql\n-- psql -v who=[^\n]+\n(SELECT .*?)```", DOCUMENT, re.DOTALL)
    assert found, "docs/operations.md has no search"
    return found[1].replace(":'who'", ":who")


def looked_into() -> dict[str, set[str]]:
    """Table → the columns that are compared."""
    parts = re.findall(r"FROM (\w+)\s+WHERE (.*?)(?=UNION ALL|\Z)", search(), re.DOTALL)
    return {table: {*re.findall(r"[a-z_]+", condition)} for table, condition in parts}


def test_every_column_that_may_hold_a_person_is_looked_into() -> None:
    looked = looked_into()
    passed_over = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, String) or column.name in ("evidence", "evaluation", "effects", "memory", "body")
        if column.name not in IMPERSONAL and column.name not in looked.get(table.name, ())
    }
    assert passed_over - NAMED_BY_THE_OFFICE - FILES == set()


@pytest.mark.parametrize(
    ("who", "places"),
    [
        ("lead", {"kjfh_history", "kjfh_rounds", "kjfh_misconduct"}),
        ("admin", {"kjfh_confirmations", "kjfh_holiday_notices", "kjfh_addresses"}),
        ("clerk", {"kjfh_history", "kjfh_services", "kjfh_attachments"}),
        ("王经办", {"kjfh_services"}),
        ("评审甲", {"kjfh_misconduct"}),
        ("余姚朝阳科技孵化器有限公司", {"kjfh_cases", "kjfh_documents", "kjfh_notices", "kjfh_organisations"}),
        ("91330281MA2B00001P", {"kjfh_cases", "kjfh_bans", "kjfh_ledger", "kjfh_notices", "kjfh_organisations"}),
        ("虚报", {"kjfh_history", "kjfh_notices"}),
        ("查无此人", set()),
    ],
)
def test_whoever_is_on_file_is_found_where_they_stand(database_url: str, who: str, places: set[str]) -> None:
    office = busy_office(database_url)
    database = Database.open(database_url)
    with database.engine.connect() as connection:
        found = {row.place for row in connection.execute(text(search()), {"who": who}) if row.found}
    database.engine.dispose()
    office.workflow.close()
    assert places <= found
    assert bool(found) is bool(places)
