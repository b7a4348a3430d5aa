"""Case management for a science and technology bureau: applications, titles, and why each decision was made.

::

    from kjfh_workflow import Actor, Workflow

    workflow = Workflow("sqlite:///kjfh.db", create=True)
    clerk = Actor.of("wang", "tech_clerk", "yuyao")
    workflow.perform(case_id, "accept", by=clerk)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kjfh_workflow.errors import (
    Conflict,
    GuardRefused,
    InputError,
    Moved,
    NotAuthenticated,
    NotAuthorised,
    NotFound,
    PolicyError,
    Problem,
    Refusal,
    Refused,
    RequestReused,
    SchemaMismatch,
    TransitionNotAllowed,
    Unavailable,
    WorkflowError,
)

if TYPE_CHECKING:
    from kjfh_workflow.casework.feed.events import Happened
    from kjfh_workflow.casework.outcome import Outcome
    from kjfh_workflow.casework.workflow import Workflow
    from kjfh_workflow.rules.case import Actor

__version__ = "0.4.0"

__all__ = [
    "Actor",
    "Conflict",
    "GuardRefused",
    "Happened",
    "InputError",
    "Moved",
    "NotAuthenticated",
    "NotAuthorised",
    "NotFound",
    "Outcome",
    "PolicyError",
    "Problem",
    "Refusal",
    "Refused",
    "RequestReused",
    "SchemaMismatch",
    "TransitionNotAllowed",
    "Unavailable",
    "Workflow",
    "WorkflowError",
]

#: Loaded when first asked for: they bring SQLAlchemy with them, which `kjfh --help` does not need.
_LAZY = {
    "Actor": "kjfh_workflow.rules.case",
    "Happened": "kjfh_workflow.casework.feed.events",
    "Outcome": "kjfh_workflow.casework.outcome",
    "Workflow": "kjfh_workflow.casework.workflow",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(_LAZY[name]), name)
