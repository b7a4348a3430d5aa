"""``python -m kjfh_workflow.cli``."""

from __future__ import annotations

from kjfh_workflow.cli import main

main()
