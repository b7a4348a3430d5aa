"""The service from outside, in plain HTTP: what a program in any other language does, written in Python.

KJFH_TOKEN=… python examples/embedding/client.py http://127.0.0.1:8000 yuyao
"""

from __future__ import annotations

import os
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import httpx


class Bureau:
    """One bureau's cases, as the person sees them whose token ``http`` sends."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def pages(self, path: str, **asked: Any) -> list[dict[str, Any]]:
        """The whole of a list, page by page."""
        page = self._asked("GET", path, params=asked).json()
        items: list[dict[str, Any]] = page["items"]
        while page["next"] is not None:
            page = self._asked("GET", path, params={**asked, "after": page["next"]}).json()
            items += page["items"]
        return items

    def case(self, case: str) -> tuple[dict[str, Any], str]:
        """Everything that a screen shows of a case, and its ETag: which version that was."""
        answer = self._asked("GET", f"/v1/cases/{case}")
        return answer.json(), answer.headers["ETag"]

    def preview(self, case: str, event: str, evidence: dict[str, Any]) -> dict[str, Any]:
        """What an act would do, or every reason why not; nothing is kept."""
        answer = self._asked("POST", f"/v1/cases/{case}/previews/{event}", json={"evidence": evidence})
        return dict(answer.json())

    def perform(self, case: str, event: str, evidence: dict[str, Any], seen: str) -> dict[str, Any]:
        """Act once, on the case as it was seen; 412 if it has moved since, 422 with every reason if refused."""
        headers = {"If-Match": seen, "Idempotency-Key": str(uuid.uuid4())}
        answer = self._asked("POST", f"/v1/cases/{case}/events/{event}", json={"evidence": evidence}, headers=headers)
        return dict(answer.json())

    def upload(self, case: str, file: Path, material: str = "") -> dict[str, Any]:
        """Put a file into a case as evidence."""
        answer = self._asked(
            "POST",
            f"/v1/cases/{case}/files",
            params={"name": file.name, "material": material},
            content=file.read_bytes(),
            headers={"Idempotency-Key": str(uuid.uuid4())},
        )
        return dict(answer.json())

    def events(self, after: int) -> tuple[list[dict[str, Any]], int]:
        """What has happened behind a number, and the number to go on from; waits up to 20 s for something."""
        feed = self._asked("GET", "/v1/events", params={"after": after, "wait": 20}).json()
        return feed["items"], feed["next"]

    def _asked(self, method: str, path: str, **asked: Any) -> httpx.Response:
        """One request, made again where nobody knows whether it arrived: its key makes sure that it counts once."""
        for pause in (0.5, 1, 2, 4, None):
            try:
                answer = self._http.request(method, path, **asked)
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or pause is None:
                    return answer.raise_for_status()
            except httpx.TransportError:
                if pause is None:
                    raise
            time.sleep(pause)
        raise AssertionError


def signed_on(url: str, token: str) -> httpx.Client:
    """Somebody's connection. Tokens of the intranet are short-lived: ask for a new one before this one ends."""
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60)


def main(url: str, city: str) -> None:
    """Accept whatever has been handed in, and say what has happened."""
    with signed_on(url, os.environ["KJFH_TOKEN"]) as http:
        bureau = Bureau(http)
        for row in bureau.pages("/v1/cases", city=city, state="applied"):
            _, seen = bureau.case(row["id"])
            if not bureau.preview(row["id"], "accept", {})["refusals"]:
                bureau.perform(row["id"], "accept", {}, seen)
        for event in bureau.events(0)[0]:
            print(event["number"], event["case"], event["event_label"], "→", event["state_label"])


if __name__ == "__main__":
    main(*sys.argv[1:])
