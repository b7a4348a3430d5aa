"""From a folder of TOML files to a ``PolicyPack``; every problem of the folder at once.

Whether the parts fit together is asked in ``checks``; which version applies, in ``catalog``.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from kjfh_workflow.errors import PolicyError, Problem
from kjfh_workflow.policy.machine import Machine
from kjfh_workflow.policy.model import CriteriaFile, Identity, PolicyPack, Words
from kjfh_workflow.policy.part import Part, Text
from kjfh_workflow.policy.vocabulary import CaseKind
from kjfh_workflow.policy.wording import explain, hint, house_words, keys_at, language, say, short

PartT = TypeVar("PartT", bound=Part)
_FILES = ("policy.toml", "criteria.toml", "labels.toml")
#: Sections of words for names that are the pack's own: kinds of space, and events that propose to cancel a title.
_OWN_NAMES = ("spaces", "grounds")
_UNREADABLE = (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError)
_LABELS = TypeAdapter(dict[str, dict[str, Text]])


def load_pack(folder: Path) -> PolicyPack:
    """Read one pack, ``<city>/<in-force date>/``.

    Raises:
        PolicyError: with every problem of every file; what only shows when the parts are seen together is
            found by ``checks.check_pack``.
    """
    folder = folder.absolute()  # its name and its parent's count, and "." has neither
    place = f"{folder.parent.name}/{folder.name}"
    if not folder.is_dir():
        raise PolicyError([Problem(place, "", say("no_folder", path=folder))])
    problems: list[Problem] = []
    _check_folder(folder, place, problems)
    identity = _part(folder / "policy.toml", Identity, place, problems)
    criteria = _part(folder / "criteria.toml", CriteriaFile, place, problems)
    machines = {
        CaseKind(path.stem): machine
        for path in sorted((folder / "machines").glob("*.toml"))
        if path.stem in set(CaseKind) and (machine := _part(path, Machine, place, problems))
    }
    labels = _labels(folder / "labels.toml", place, problems)
    if identity and identity.city != folder.parent.name:
        problems.append(
            Problem(
                f"{place}/policy.toml",
                "city",
                say("city_mismatch", found=identity.city, expected=folder.parent.name),
            )
        )
    if problems or identity is None or criteria is None:
        raise PolicyError(problems)
    return PolicyPack(
        identity=identity,
        criteria=criteria.criteria,
        tenant_conditions=criteria.tenant_conditions,
        standards=criteria.standards,
        # In the order of CaseKind, so that pages and digests do not depend on the file system.
        machines={kind: machines[kind] for kind in CaseKind if kind in machines},
        words=Words(house_words(), labels),
        version=folder.name,
        digest=_digest(folder),
    )


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file with exact decimals. It is shared: nobody may change it.

    Raises:
        tomllib.TOMLDecodeError, UnicodeDecodeError, OSError: as they come.
    """
    return _parsed(path.read_text("utf-8"))


@lru_cache(maxsize=64)
def _parsed(text: str) -> dict[str, Any]:
    """A process that opens several workflows parses what has not changed in between once: it is most of the time."""
    return tomllib.loads(text, parse_float=Decimal)


def _check_folder(folder: Path, place: str, problems: list[Problem]) -> None:
    try:
        date.fromisoformat(folder.name)
    except ValueError:
        problems.append(Problem(place, "", say("folder_name")))
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_dir():
            known = inside.as_posix() == "machines"
        elif inside.parent.name == "machines":
            known = path.stem in set(CaseKind) and path.suffix == ".toml"
        else:
            known = path.name in _FILES
        if not known:
            allowed = [*_FILES, *(f"machines/{kind}.toml" for kind in CaseKind)]
            message = say("not_part_of_pack") + hint(inside.as_posix(), allowed)
            problems.append(Problem(f"{place}/{inside.as_posix()}", "", message))


def _part(path: Path, model: type[PartT], place: str, problems: list[Problem]) -> PartT | None:
    where = f"{place}/{path.relative_to(path.parents[1] if path.parent.name == 'machines' else path.parent).as_posix()}"
    try:
        return model.model_validate(read_toml(path))
    except FileNotFoundError:
        problems.append(Problem(where, "", say("file_missing")))
    except _UNREADABLE as error:
        problems.append(Problem(where, "", say("not_toml", error=error)))
    except ValidationError as error:
        problems.extend(_problems_of(error, model, where))
    return None


def _problems_of(error: ValidationError, model: type[Part], where: str) -> Iterable[Problem]:
    for detail in error.errors():
        message = explain(detail) if language() == "zh" else detail["msg"]
        if detail["type"] == "extra_forbidden":
            allowed = keys_at(model, detail["loc"][:-1])
            message = say("unknown_key") + hint(str(detail["loc"][-1]), allowed)
        elif "expected" in detail.get("ctx", {}):
            names = [name.strip("' ") for name in detail["ctx"]["expected"].replace(" or ", ",").split(",")]
            message = say("unknown_name", found=detail["input"]) + hint(str(detail["input"]), names)
        elif detail["type"] != "missing":
            found = detail["input"]
            message = say("bad_value", problem=message, found=short(repr(found) if isinstance(found, str) else found))
        yield Problem(where, ".".join(str(step) for step in detail["loc"]), message)


def _labels(path: Path, place: str, problems: list[Problem]) -> dict[str, dict[str, str]]:
    if not path.exists():
        return {}
    where = f"{place}/labels.toml"
    try:
        found = _LABELS.validate_python(read_toml(path))
    except _UNREADABLE as error:
        problems.append(Problem(where, "", say("not_toml", error=error)))
        return {}
    except ValidationError as error:
        problems.extend(_problems_of(error, Part, where))
        return {}
    house = house_words()
    for section, words in found.items():
        if section not in house:
            problems.append(Problem(where, section, say("unknown_key") + hint(section, house)))
            continue
        for name, text in words.items():
            key = f"{section}.{name}"
            if name not in house[section] and section not in _OWN_NAMES:
                problems.append(Problem(where, key, say("unknown_key") + hint(name, house[section])))
            else:
                like = house[section].get(name, "".join(house[section].values()))
                problems.extend(_blank_problems(where, key, text, like))
    return found


def _blank_problems(where: str, key: str, text: str, house: str) -> Iterable[Problem]:
    """A city's own sentence may only have the {blanks} that the program fills in."""
    allowed = _blanks(house)
    try:
        unknown = [blank for blank in _blanks(text) if blank not in allowed]
    except ValueError as error:
        return [Problem(where, key, say("bad_value", problem=error, found=short(repr(text))))]
    return [Problem(where, key, say("unknown_blank", name=blank) + hint(blank, allowed)) for blank in unknown]


def _blanks(text: str) -> list[str]:
    """What stands between braces, with conversion and format, which no sentence needs."""
    return [
        name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
        for _, name, form, conversion in Formatter().parse(text)
        if name is not None
    ]


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.toml")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()
