"""Reading a TOML file of the operator's strictly: every problem at once, and no secret in the file or in what is said.

What may stand in which file is said by its models.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from kjfh_workflow.errors import InputError, Problem
from kjfh_workflow.notices.channels.settings import complain
from kjfh_workflow.policy.wording import explain, hint, keys_at, language

ModelT = TypeVar("ModelT", bound=BaseModel)


class Reader:
    """One file being read.

    Args:
        path: the file.
        environment: where the secrets are.
    """

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self.path = path
        #: What is wrong so far.
        self.problems: list[Problem] = []
        self._environment = environment

    def toml(self) -> dict[str, Any]:
        """What stands in it.

        Raises:
            InputError: if it cannot be read.
        """
        try:
            return tomllib.loads(self.path.read_text("utf-8"))
        except OSError as error:
            reason = error.strerror or type(error).__name__
        except UnicodeDecodeError:
            reason = "UTF-8"
        except tomllib.TOMLDecodeError as error:
            reason = str(error)
        raise InputError([Problem(str(self.path), "", complain("unreadable", reason=reason))])

    def secrets(self, settings: BaseModel, key: str) -> dict[str, str]:
        """The secrets whose variables a table names, by the table's keys; what is not set is noted."""
        found = {}
        for name in type(settings).model_fields:
            variable = getattr(settings, name)
            if not name.endswith("_env") or variable is None:
                continue
            if secret := self._environment.get(variable):
                found[name] = secret
            else:
                self.wrong(f"{key}.{name}", complain("not_set", variable=variable))
        return found

    def shape(self, data: Any, model: type[ModelT], key: str) -> ModelT | None:
        """A table as its model; None, with every problem noted, where it is none."""
        try:
            return model.model_validate(data)
        except ValidationError as error:
            for step, message in _complaints(error, model):
                self.wrong(".".join(part for part in (key, step) if part), message)
            return None

    def wrong(self, key: str, message: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(str(self.path), key, message))


def _complaints(error: ValidationError, model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """(key, what is wrong). No value is repeated, but for a closed name: it may be a secret in the wrong place."""
    for detail in error.errors():
        # Routes are counted from one.
        steps = [str(step + 1) if isinstance(step, int) else step for step in detail["loc"] if step != "[key]"]
        message = explain(detail) if language() == "zh" else detail["msg"]
        if detail["type"] == "extra_forbidden":
            message = complain("unknown_key") + hint(steps[-1], keys_at(model, detail["loc"][:-1]))
        elif detail["type"] in ("literal_error", "enum"):
            names = [name.strip("' ") for name in detail["ctx"]["expected"].replace(" or ", ",").split(",")]
            message = complain("unknown_value", found=detail["input"]) + hint(str(detail["input"]), names)
        elif detail["type"] == "tuple_type":
            message = complain("list")
        elif detail["type"] == "value_error":  # words of our own, without pydantic's before them
            message = str(detail["ctx"]["error"])
        elif steps and steps[-1].endswith("_env") and detail["type"] != "missing":
            message = complain("variable")
        yield ".".join(steps), message
