"""A client that repeats what it was not answered, under the same id: ``python -m tests.stubborn_clerk URL NUMBER``.

It takes one application after the other until its standard input ends, and prints a line of JSON for each act that was
acknowledged. A refusal, or anything else than an answer, a conflict or an outage, ends it.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Callable
from itertools import count

from kjfh_workflow import Actor, Outcome
from kjfh_workflow.casework.opening import when_there
from kjfh_workflow.errors import Conflict, Unavailable
from tests.bureau import MATERIALS, Bureau, facts, uscc


def main(url: str, number: int) -> None:
    """Submit, accept, return for correction: from then on it is the ticking processes' turn."""
    quiet = logging.getLogger("clerk")
    quiet.disabled = True
    # It may come so late that there is no primary any more, or not yet again.
    office, over = when_there(lambda: Bureau(url), quiet), threading.Event()

    def listen() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=listen, daemon=True).start()
    for place in count():
        if over.is_set():
            return
        mine = f"{number}-{place}"
        operator = Actor.of(f"op{mine}", "applicant", "yuyao", name=f"运营机构{mine}", uscc=uscc(1000 * number + place))
        given = {
            "type": "incubator", "materials": MATERIALS["yuyao"],
            "facts": facts(override={"operator.uscc": operator.uscc, "operator.name": operator.name}),
        }  # fmt: skip
        case = _acknowledged(
            f"submit-{mine}",
            lambda id_, operator=operator, given=given: office.workflow.open_case(  # type: ignore[misc]
                "application", "submit", by=operator, evidence=given, request_id=id_
            ),
        ).case
        for event, evidence in (("accept", {}), ("return_for_correction", {"missing": ["证明"], "reason": "缺材料"})):
            _acknowledged(
                f"{event}-{mine}",
                lambda id_, case=case, event=event, evidence=evidence: office.workflow.perform(  # type: ignore[misc]
                    case, event, by=office.clerk, evidence=evidence, request_id=id_
                ),
            )


def _acknowledged(request: str, act: Callable[[str], Outcome]) -> Outcome:
    outages = 0
    while True:
        try:
            done = act(request)
        except (Unavailable, Conflict):
            outages += 1
            time.sleep(0.05)
        else:
            said = {"request": request, "case": done.case, "version": done.version, "outages": outages}
            print(json.dumps(said), flush=True)
            return done


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
