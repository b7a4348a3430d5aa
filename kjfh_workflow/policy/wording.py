"""Words for what is wrong: with one value (Chinese), and with a policy pack (Chinese or English by locale)."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

_HERE = Path(__file__).parent


@cache
def house_words() -> dict[str, dict[str, str]]:
    """The Chinese words that come with the program: section → name → word."""
    return tomllib.loads((_HERE / "words.toml").read_text("utf-8"))


@cache
def _complaints() -> dict[str, dict[str, str]]:
    return tomllib.loads((_HERE / "complaints.toml").read_text("utf-8"))


def language() -> str:
    """``zh`` or ``en``, from LC_ALL, LC_MESSAGES or LANG, as every program of the system does."""
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(variable):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def say(code: str, **values: object) -> str:
    """A complaint about a pack, in the language of the locale."""
    # A name of the program's own reads as it is written in the pack, not as Python shows it.
    plain = {name: str(value) if isinstance(value, StrEnum) else value for name, value in values.items()}
    return _complaints()[language()][code].format(**plain)


def hint(found: str, allowed: Iterable[str]) -> str:
    """The nearest name, and what is allowed."""
    names = sorted({str(name) for name in allowed})
    near = nearest(found, names)
    meant = say("did_you_mean", near=near) if near else ""
    return meant + say("allowed", names=", ".join(names) or say("nothing"))


def nearest(found: str, allowed: Iterable[str]) -> str:
    """The name that was probably meant; empty if none is near."""
    return next(iter(get_close_matches(found, sorted(allowed), n=1, cutoff=0.6)), "")


def keys_at(model: type[BaseModel], loc: Iterable[int | str]) -> list[str]:
    """The keys that the model at *loc* allows, as they are written."""
    current: Any = model
    for step in loc:
        if _is_model(current):
            current = next(f.annotation for name, f in current.model_fields.items() if step in (name, f.alias))
            if type(None) in get_args(current):
                current = get_args(current)[0]
        else:  # an index into tuple[Model, ...], or a name in dict[Name, Model]
            current = next(argument for argument in get_args(current) if _is_model(argument))
    return [field.alias or name for name, field in current.model_fields.items()]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def explain(detail: Mapping[str, Any], known: Iterable[str] = ()) -> str:
    """One of pydantic's error details as a Chinese phrase: what is wrong and what is allowed.

    Args:
        detail: the error's.
        known: the keys that there are in its place, which pydantic does not tell of an unknown one.
    """
    problems, names = house_words()["problems"], "、".join(known)
    named = f"{detail['type']}.known"
    sentence = problems.get(named if names and named in problems else detail["type"])
    if sentence is None:
        return str(detail["msg"])
    context = dict(detail.get("ctx", {}))
    if "expected" in context:
        context["expected"] = str(context["expected"]).replace(" or ", "、").replace(", ", "、").replace("'", "")
    # The input of what is missing is all that was given: only what is told is written out.
    told = short(detail["input"]) if "{input}" in sentence else ""
    return sentence.format(input=told, **{"known": names, **context})


def short(value: object) -> str:
    """A value as text that does not fill the line."""
    text = str(value)
    text = text if len(text) <= 40 else text[:37] + "…"
    return text.encode(errors="replace").decode()  # half a character, as JSON can hold, cannot be told to anybody
