"""Where the data that comes with the package lies: in the wheel, or in the checkout of an editable install."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def _folder(in_wheel: str, in_checkout: str) -> Path:
    installed = _PACKAGE / "_data" / in_wheel
    return installed if installed.is_dir() else _PACKAGE.parent / in_checkout


def states_dir() -> Path:
    """The policy packs that come with the program."""
    return _folder("states", "states")


def templates_dir() -> Path:
    """The notice templates that come with the program."""
    return _folder("templates", "notifications/templates")


def examples_dir() -> Path:
    """The application folders of the demo."""
    return _folder("examples", "examples")
