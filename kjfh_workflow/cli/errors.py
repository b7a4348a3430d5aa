"""Which exit code and which words an error becomes on the command line."""

from __future__ import annotations

from kjfh_workflow import errors

_CODES: tuple[tuple[type[Exception], int], ...] = (
    (errors.Refused, 1),
    (errors.WrongUsage, 2),
    (errors.NotFound, 3),
    (errors.Conflict, 4),
    (errors.InputError, 5),
    (errors.SchemaMismatch, 6),
    (errors.Unavailable, 70),
    (errors.WorkflowError, 1),
)


def exit_code_and_message(error: Exception) -> tuple[int, str]:
    """The exit code, and one clear line (one for each problem where there are several)."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code, _worded(error)
    if type(error).__module__.startswith("sqlalchemy."):
        first_line = str(error).splitlines()[0]
        return 70, f"the database did not do as asked: {first_line} (--debug shows the trace)"
    if isinstance(error, OSError) and error.filename:
        return 5, f"{error.filename}: {error.strerror}"
    return 70, f"{type(error).__name__}: {error} (an error of the program; --debug shows the trace)"


def _worded(error: Exception) -> str:
    if isinstance(error, errors.Refused):
        return "\n".join(["refused:", *(f"  {refusal}" for refusal in error.refusals)])
    return str(error)
