"""What the README tells people to type does what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


def test_the_example_to_embed_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    [example] = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert len([line for line in example.splitlines() if line]) == 10
    url = f"sqlite:///{tmp_path.as_posix()}/kjfh.db"
    assert example.count('"sqlite:///kjfh.db"') == 1
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    exec(example.replace("sqlite:///kjfh.db", url), names)  # noqa: S102  (our own)
    try:
        assert capsys.readouterr().out == ""
        view = names["workflow"].case(names["case"])
        assert view.case.state == "preliminary_review"
        assert [row.event for row in view.timeline] == ["submit", "accept"]
    finally:
        names["workflow"].close()
