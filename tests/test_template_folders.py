"""A bureau's folder of templates in which something would never be used is refused: its wording would not leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from kjfh_workflow import PolicyError, Workflow
from tests.bureau import packs
from tests.commands import Kjfh


def refusal(folder: Path) -> list[tuple[str, str]]:
    """Where, below the folder, and what."""
    with pytest.raises(PolicyError) as refused:
        Workflow("sqlite://", states=packs(), templates=[folder], create=True)
    return [(Path(problem.place).relative_to(folder).as_posix(), problem.message) for problem in refused.value.problems]


def written(folder: Path, *files: str) -> Path:
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("您好", "utf-8")
    return folder


@pytest.mark.parametrize(
    ("file", "where", "meant"),
    [
        ("correction_requestd/body.txt", "correction_requestd", "'correction_requested'"),
        ("yuyoa/revoked/body.txt", "yuyoa", "'yuyao'"),
        ("yuyao/revokd/body.txt", "yuyao/revokd", "'revoked'"),
        ("yuyao/revoked/boddy.txt", "yuyao/revoked/boddy.txt", "'body.txt'"),
        ("revoked/deeper/body.txt", "revoked/deeper/body.txt", ""),
        ("yuyao/body.txt", "yuyao/body.txt", ""),
        ("body.txt", "body.txt", ""),
    ],
)
def test_what_would_never_be_used_is_named_with_what_was_meant(
    tmp_path: Path, file: str, where: str, meant: str
) -> None:
    [(place, message)] = refusal(written(tmp_path, file, "revoked/title.txt"))
    assert place == where
    assert "would never be used" in message
    assert meant in message


def test_a_folder_is_named_once_however_much_is_in_it(tmp_path: Path) -> None:
    written(tmp_path, "revokd/title.txt", "revokd/body.txt", "revokd/subject.txt")
    assert [place for place, _ in refusal(tmp_path)] == ["revokd"]


@pytest.mark.parametrize("files", [(), ("channels.toml",), ("revoked/letter.txt", "yuyao/notes.md")])
def test_a_folder_without_templates_is_refused_unless_it_is_empty(tmp_path: Path, files: tuple[str, ...]) -> None:
    folder = tmp_path / "templates"
    if not files:
        assert refusal(folder) == [(".", f"there is no such folder: {folder}")]
        (folder / "yuyao").mkdir(parents=True)
        Workflow("sqlite://", states=packs(), templates=[folder], create=True).close()
    else:
        [(place, message)] = refusal(written(folder, *files))
        assert place == "."
        assert "no notice templates here" in message


def test_what_editors_leave_and_what_is_included_from_is_no_mistake(tmp_path: Path) -> None:
    written(tmp_path, "revoked/body.txt", "revoked/body.txt~", "revoked/.body.txt.swp", ".git/config", "_ours/foot.txt")
    Workflow("sqlite://", states=packs(), templates=[tmp_path], create=True).close()


def test_no_command_starts_with_a_mistyped_folder(kjfh: Kjfh, tmp_path: Path) -> None:
    for words in (("policy", "check"), ("run",), ("case", "list")):
        ran = kjfh("--templates", tmp_path / "nowhere", *words)
        assert ran.code == 5, words
        assert "there is no such folder" in ran.err
