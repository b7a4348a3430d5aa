"""An application folder as an operator hands it in: all of it, or every reason why not.

Whether the applicant meets the conditions is asked when the application is submitted; a firm that stands in a roster
twice is read twice and shown then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kjfh_workflow.errors import IntakeError, Problem
from kjfh_workflow.intake.columns import FORM, ROSTERS, Roster
from kjfh_workflow.intake.form import Form, read_form
from kjfh_workflow.intake.names import Names
from kjfh_workflow.intake.rosters import MOST_PROBLEMS, Records, read_records
from kjfh_workflow.intake.tables import Meter, Progress, Source
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.wording import explain
from kjfh_workflow.rules.facts import ENTERING, Facts, overlong

_FORM_SUFFIXES = (".xlsx", ".toml")
_ROSTER_SUFFIXES = (".xlsx", ".csv")


@dataclass(frozen=True, slots=True)
class ApplicationFolder:
    """What a folder says, all of it readable."""

    city: str
    type: str
    name: str
    uscc: str
    #: Plain data that ``Facts.model_validate`` accepts.
    facts: dict[str, Any]
    #: The ids of the materials handed in.
    materials: list[str]

    @property
    def evidence(self) -> dict[str, Any]:
        """What the event that submits the application asks for."""
        return {"type": self.type, "facts": self.facts, "materials": self.materials}


def read_folder(
    folder: str | Path, progress: Progress | None = None, *, packs: Iterable[PolicyPack] = ()
) -> ApplicationFolder:
    """Read an application folder.

    Args:
        folder: with ``application`` (.xlsx or .toml) and ``tenants``, ``staff``, ``mentors`` and, where there are any,
            ``graduates`` (.xlsx or .csv).
        progress: called now and then with the rows read so far and the rows in all.
        packs: whose labels may stand instead of the short names of cities, types and materials.

    Raises:
        IntakeError: with every problem of every file and row.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise IntakeError([Problem(str(folder), "", "没有这个文件夹")])
    problems: list[Problem] = []
    form_path = _only_file(folder, FORM, _FORM_SUFFIXES, problems)
    form = read_form(form_path, Names(packs)) if form_path else Form()
    problems += form.problems
    rosters = _read_rosters(folder, progress, problems)
    facts = _facts(form, rosters)
    if not problems:
        problems = _last_check(facts, form, rosters)
    if problems:
        raise IntakeError(problems)
    operator = facts["operator"]
    return ApplicationFolder(
        city=form.values["city"],
        type=form.values["type"],
        name=operator["name"],
        uscc=operator["uscc"],
        facts=facts,
        materials=form.materials,
    )


def files_of(folder: Path, stem: str, suffixes: Sequence[str]) -> list[Path]:
    """The files of that name, whatever the case of their letters."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and path.stem.lower() == stem and path.suffix.lower() in suffixes
    ]


def _only_file(
    folder: Path, stem: str, suffixes: Sequence[str], problems: list[Problem], *, required: bool = True
) -> Path | None:
    """The one file of that name; none or several are a problem."""
    found = files_of(folder, stem, suffixes)
    names = "或".join(stem + suffix for suffix in suffixes)
    if len(found) > 1:
        both = "、".join(path.name for path in found)
        problems.append(Problem(both, "", "只能有其中一个；请删除多余的文件"))
        return None
    if found:
        return found[0]
    if old := files_of(folder, stem, (".xls", ".et", ".ods", ".xlsm")):
        problems.append(Problem(old[0].name, "", f"不支持这种格式；请另存为{names}"))
    elif required:
        problems.append(Problem(names, "", "缺少这个文件"))
    return None


def _read_rosters(folder: Path, progress: Progress | None, problems: list[Problem]) -> dict[str, Records]:
    sources: list[tuple[Roster, Source]] = []
    for roster in ROSTERS:
        path = _only_file(folder, roster.name, _ROSTER_SUFFIXES, problems, required=roster.required)
        if path:
            try:
                sources.append((roster, Source(path)))
            except IntakeError as error:
                problems += error.problems
    meter = Meter(progress, sum(source.rows for _, source in sources))
    found: dict[str, Records] = {}
    for roster, source in sources:
        try:
            sheet = source.sheet(roster.label, meter)
        except IntakeError as error:
            problems += error.problems
            continue
        if sheet is None:
            problems.append(Problem(source.name, "", f"缺少工作表“{roster.label}”"))
            continue
        found[roster.name] = read_records(roster, sheet)
        problems += found[roster.name].problems
    meter.finish()
    return found


def _facts(form: Form, rosters: dict[str, Records]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for path, value in form.values.items():
        table, _, name = path.rpartition(".")
        if table:
            facts.setdefault(table, {})[name] = value
        elif path not in ("city", "type"):
            facts[path] = value
    for roster in ROSTERS:
        facts[roster.name] = rosters[roster.name].records if roster.name in rosters else []
    return facts


def _last_check(facts: dict[str, Any], form: Form, rosters: dict[str, Records]) -> list[Problem]:
    """The facts' own judgement, in case it knows of more than the cells were asked."""
    if long := [Problem(rosters[name].sheet, "", said) for name, said in overlong(facts)]:
        return long
    try:
        Facts.model_validate(facts, context=ENTERING)
    except ValidationError as error:
        found = error.errors(include_url=False)[:MOST_PROBLEMS]
        return [Problem(*_place(detail["loc"], form, rosters), explain(detail)) for detail in found]
    return []


def _place(loc: tuple[int | str, ...], form: Form, rosters: dict[str, Records]) -> tuple[str, str]:
    """Place and key of what the facts complain of."""
    path = ".".join(str(step) for step in loc)
    match loc:
        case (str(name), int(index), *rest) if name in rosters:
            field = ".".join(str(step) for step in rest)
            return rosters[name].places[index], rosters[name].headings.get(field, field)
        case _:
            return form.places.get(path, (FORM, path))
