"""The errors that this package raises on purpose, and what a caller may do about each.

::

    WorkflowError                 the docstring is the default message
    ├── InputError                a file that cannot be used; .problems names every place
    │   ├── PolicyError           a policy pack (at load only)
    │   ├── ScenarioError         a scenario file
    │   └── IntakeError           an application folder
    ├── WrongUsage                a database's address that is none
    ├── NotFound
    ├── Refused                   .refusals: every reason, with its code and article
    │   ├── NotAuthorised
    │   ├── TransitionNotAllowed  .allowed lists the events that are possible
    │   └── GuardRefused          guards and evidence together
    ├── NotAuthenticated          whoever asks has not shown who they are
    ├── Conflict                  somebody else was first: read again and decide again
    │   ├── Moved                 the case is not at the version that the caller has seen
    │   ├── Crossed               this act and another one waited for each other: the same again, from the beginning
    │   ├── StandsOtherwise       what it is about does not stand so that this can be done: it is done already, …
    │   ├── ListChanged           the row behind which to go on is gone from the list
    │   └── RequestReused         the request id was used for another act: trying again will not help
    ├── Unavailable               the database, or what else is needed, cannot work: try again later
    ├── SchemaMismatch            the database is older or newer than this program
    └── DeliveryFailed            a channel did not take a notice; never leaves the delivery

Some kinds stand beside what raises them: ``FileTooLarge``, ``FileTypeRefused``, ``FileInfected`` (``InputError``),
``FileDamaged``, ``NumbersHeld`` and ``BeyondTheFeed`` (``Conflict``), and ``Clash``, which never leaves the library.

Not here: HTTP numbers (``web``), exit codes (``cli``) and Chinese words (``policy/words.toml``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why an act was refused."""

    #: Stable English code, for programs and scenarios.
    code: str
    #: The reason in people's words (Chinese).
    message: str
    #: The article that makes it so; empty where no article is needed (a missing text, a wrong role).
    article: str = ""
    #: The evidence field it is about, as a dotted path; empty where there is none.
    field: str = ""

    def __str__(self) -> str:
        where = f"（{self.article}）" if self.article else ""
        return f"{self.message}{where} [{self.code}]"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a file: what, where, and what is allowed."""

    #: File (and sheet, line or step) it stands in.
    place: str
    #: Key, column or path inside that place; empty where the whole place is meant.
    key: str
    #: What is wrong, with the value found and what is allowed.
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.key, self.message) if part)


class WorkflowError(Exception):
    """Something in the workflow went wrong."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])


class InputError(WorkflowError):
    """The input cannot be used."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        #: Every problem found, in reading order; never empty.
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class PolicyError(InputError):
    """The policy pack cannot be used."""


class ScenarioError(InputError):
    """The scenario file cannot be played."""


class IntakeError(InputError):
    """The file or folder cannot be used; nothing was stored."""


class WrongUsage(WorkflowError):
    """What the program was given cannot be meant; nothing was tried."""


class NotFound(WorkflowError):
    """There is no such thing, or it is not yours to see."""


class Refused(WorkflowError):
    """The act was refused and nothing has changed."""

    def __init__(self, refusals: Iterable[Refusal]) -> None:
        #: Every reason that holds; never empty.
        self.refusals = tuple(refusals)
        super().__init__("\n".join(str(refusal) for refusal in self.refusals))

    @property
    def codes(self) -> tuple[str, ...]:
        """The distinct codes, sorted."""
        return tuple(sorted({refusal.code for refusal in self.refusals}))


class NotAuthorised(Refused):
    """This person may not do this."""


class TransitionNotAllowed(Refused):
    """The case's state does not allow this event."""

    def __init__(self, refusals: Iterable[Refusal], allowed: Iterable[str] = ()) -> None:
        super().__init__(refusals)
        #: The events that the state does allow.
        self.allowed = tuple(allowed)


class GuardRefused(Refused):
    """A condition of the act is not met, or its evidence is missing or wrong."""


class Conflict(WorkflowError):
    """The case moved meanwhile; read it again and decide again."""


class Moved(Conflict):
    """The case is not at the version that the caller has seen; read it again and decide again."""


class Crossed(Conflict):
    """This act and another one waited for each other and this one gave way; nothing has changed, try again."""


class StandsOtherwise(Conflict):
    """What this is about does not stand so that it can be done; look at it again."""


class ListChanged(Conflict):
    """The row to continue behind is no longer in the list; begin again."""


class RequestReused(Conflict):
    """The request id was used for another act; take a new one for each act."""


class NotAuthenticated(WorkflowError):
    """Whoever asks has not shown who they are.

    Args:
        message: what is wrong, for whoever asks.
        reason: the same as one stable word, for the log of who was turned away.
    """

    def __init__(self, message: str = "", reason: str = "not_authenticated") -> None:
        super().__init__(message)
        self.reason = reason


class SchemaMismatch(WorkflowError):
    """The database schema does not fit this version of the program."""


class Unavailable(WorkflowError):
    """What is needed, the database above all, cannot work at present; what was not committed has not happened."""


class DeliveryFailed(WorkflowError):
    """The notice could not be handed over."""

    def __init__(self, message: str = "", *, permanent: bool = False) -> None:
        super().__init__(message)
        #: Another attempt would fail in the same way (no such mailbox); otherwise it is worth one.
        self.permanent = permanent
