"""The whole demo over HTTP alone: both cities' applications and the years after, as the intranet's screens would act.

    kjfh --db sqlite:///demo.db db upgrade
    kjfh --db sqlite:///demo.db serve --dev --clock 2021-03-01        # prints a token for each role
    python examples/embedding/demo_over_http.py http://127.0.0.1:8000 ADMIN_TOKEN

Nothing of kjfh_workflow is imported. What is told stands beside this folder, in stories.toml and years.toml.
"""

from __future__ import annotations

import io
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import httpx

EXAMPLES = Path(__file__).resolve().parent.parent
TITLE = "title"
Json = dict[str, Any]


def told(name: str) -> Json:
    """A file of the demo; sums and scores stay exact, days become what JSON has for them."""
    return tomllib.loads((EXAMPLES / name).read_text("utf-8"), parse_float=str)


def as_json(value: Any) -> Any:
    """Days as texts."""
    if isinstance(value, dict):
        return {key: as_json(each) for key, each in value.items()}
    if isinstance(value, list):
        return [as_json(each) for each in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


class Demo:
    """Everybody who acts in it, at their screens."""

    def __init__(self, url: str, admin: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=60, trust_env=False)
        self.admin = {"authorization": f"Bearer {admin}"}
        self.people: dict[str, Json] = told("stories.toml")["people"]
        self.tokens: dict[str, Json] = {}
        #: (city, name) → case; a city's title → its operator.
        self.cases: dict[tuple[str, str], str] = {}
        self.operators: dict[str, Json] = {}
        self.refused: list[str] = []

    def tell(self) -> None:
        """First the applications, then the years."""
        for story in told("stories.toml")["story"]:
            self.apply(story)
        for deed in told("years.toml")["deed"]:
            self.until(deed["on"])
            self.do(deed)

    def apply(self, story: Json) -> None:
        """One folder's way to a decision."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for path in sorted((EXAMPLES / story["folder"]).iterdir()):
                archive.write(path, path.name)
        headers = {**self.admin, "content-type": "application/zip"}
        read = (
            self.http.post("/v1/intake/readings", content=packed.getvalue(), headers=headers).raise_for_status().json()
        )
        city, case = read["city"], ""
        evidence = {"type": story.get("type", read["type"]), "facts": read["facts"], "materials": read["materials"]}
        for act in story["act"]:
            self.until(act["on"])
            by = self.person(act["by"], city, read)
            if case:
                done = self.post(f"/v1/cases/{case}/events/{act['do']}", by, {"evidence": as_json(act.get("with", {}))})
            else:
                opening = {"kind": "application", "event": act["do"], "city": city, "evidence": evidence}
                done = self.post("/v1/cases", by, opening)
                case = done["case"]
            for title in done.get("opened", ()):
                self.cases[city, TITLE], self.operators[city] = title["case"], read
        if "until" in story:
            self.until(story["until"])

    def do(self, deed: Json) -> None:
        """One act of the years: on a round, on a case that there is, or on a new one."""
        city, event, evidence = deed["city"], deed["do"], as_json(deed.get("with", {}))
        by = self.person(deed["by"], city, self.operators[city])
        name = (city, deed.get("case", TITLE))
        if event in ("open_round", "close_round"):
            self.post(f"/v1/rounds/{city}/{evidence['year']}/events/{event}", by)
        elif name in self.cases:
            self.post(f"/v1/cases/{self.cases[name]}/events/{event}", by, {"evidence": evidence})
        else:
            opening = {"kind": deed["kind"], "event": event, "city": city, "evidence": evidence}
            if deed["kind"] != "incubator":
                opening["parent"] = self.cases[city, TITLE]
            if opened := self.post("/v1/cases", by, opening).get("case"):
                self.cases[name] = opened

    def until(self, day: Any) -> None:
        """Time passes; the deadlines on its way act by themselves."""
        self.http.put(f"/dev/clock/{day}", headers=self.admin).raise_for_status()

    def person(self, who: str, city: str, operator: Json) -> Json:
        """The headers of somebody: an official of the city, or the operator."""
        if who == "applicant":
            code = operator["uscc"]
            somebody = {"id": code, "roles": [who], "city": city, "name": operator["name"], "uscc": code}
        else:
            person = self.people[who]
            somebody = {"id": f"{city}-{who}", "roles": [person["role"]], "city": city, "name": person["name"]}
        if somebody["id"] not in self.tokens:
            made = self.http.post("/dev/tokens", json=somebody, headers=self.admin).raise_for_status().json()
            self.tokens[somebody["id"]] = {"authorization": f"Bearer {made['token']}"}
        return self.tokens[somebody["id"]]

    def post(self, path: str, by: Json, body: Json | None = None) -> Json:
        """Act; what is refused says why, and changes nothing."""
        answer = self.http.post(path, json=body or {}, headers=by)
        said: Json = answer.json()
        if refusals := said.get("refusals"):
            self.refused += [refusal["code"] for refusal in refusals]
            print(f"✗ {path}: {said['detail']}")
            return {}
        answer.raise_for_status()
        return said

    def table(self, path: str) -> list[Json]:
        """A book of both cities, as an auditor sees it."""
        auditor = {"id": "auditor", "roles": ["auditor"], "city": next(iter(self.operators))}
        made = self.http.post("/dev/tokens", json=auditor, headers=self.admin).raise_for_status().json()
        headers = {"authorization": f"Bearer {made['token']}"}
        rows: list[Json] = self.http.get(path, headers=headers).raise_for_status().json()["rows"]
        return rows


def main() -> None:
    """Tell it, and show what the bureau's books say in the end."""
    demo = Demo(*sys.argv[1:3])
    demo.tell()
    for row in demo.table("/v1/register"):
        print(row["city_label"], row["operator"], row["level_label"], row["state_label"])
    for row in demo.table("/v1/ledger"):
        print(row["city_label"], row["kind_label"], row["year"], row["yuan"], row["status_label"])


if __name__ == "__main__":
    main()
