"""Policy packs: public law, for whoever is authenticated; and what the bureau confirms of it, for admins."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from kjfh_workflow.casework.workflow import Workflow
from kjfh_workflow.errors import NotFound
from kjfh_workflow.policy.compare import diff
from kjfh_workflow.policy.coverage import coverage, open_questions
from kjfh_workflow.policy.drawing import svg
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.page import page
from kjfh_workflow.policy.vocabulary import CaseKind, Role
from kjfh_workflow.rules.lifecycle import lifecycle_of
from kjfh_workflow.web.answers.pack_contents import PackAnswer
from kjfh_workflow.web.answers.packs import ArticleAnswer, Comparison, ConfirmationAnswer, PackLine, QuestionAnswer
from kjfh_workflow.web.caller import Caller, Desk, require_role
from kjfh_workflow.web.problems import responses
from kjfh_workflow.web.routes.asked import VISIBLE, Body, CityName, Day, Text

router = APIRouter(prefix="/v1", tags=["packs"])

Version = Annotated[str, Path(max_length=32, pattern=VISIBLE, examples=["2020-01-01"])]
_Documented = dict[int | str, dict[str, Any]]
_MARKDOWN: _Documented = {
    200: {"description": "The page.", "content": {"text/markdown": {"schema": {"type": "string"}}}}
}
_PICTURES = {"svg": "image/svg+xml", "mermaid": "text/vnd.mermaid; charset=utf-8"}
_DRAWN: _Documented = {
    200: {
        "description": "The picture, or its source.",
        "content": {kind: {"schema": {"type": "string"}} for kind in ("image/svg+xml", "text/vnd.mermaid")},
    }
}
#: A picture that is opened by itself runs nothing.
_STILL = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}


class Confirmation(Body):
    """What the bureau confirms."""

    key: str = Field(max_length=200, pattern=VISIBLE, description="The provision's, as in `open-questions`.")
    on: Day | None = Field(default=None, description="The day of the confirmation; today by default.")
    note: Text = Field(default="", description="What was decided, or where it is written.")


@router.get("/packs", response_model=list[PackLine], responses=responses())
def list_packs(caller: Caller, workflow: Desk) -> list[PackLine]:  # noqa: ARG001  (anybody whom the intranet knows)
    """Every version of every city's policy, by city, oldest first."""
    today = workflow.today
    return [PackLine.of(pack, _is_applied(workflow, pack, today)) for pack in workflow.catalog]


# Before the version: its path would take this one for a version.
@router.get("/packs/{city}/compare", response_model=Comparison, responses=responses(404))
def compare_packs(
    city: CityName,
    caller: Caller,  # noqa: ARG001
    workflow: Desk,
    other: Annotated[str, Query(alias="with", max_length=100, pattern=VISIBLE, description="CITY or CITY/VERSION.",
                                examples=["yongjiang/2026-01-01"])],
    version: Annotated[str, Query(max_length=32, pattern=VISIBLE, description="The newest by default.")] = "",
) -> Comparison:  # fmt: skip
    """From a pack of the city's to another pack: every item and field that differs."""
    other_city, _, other_version = other.partition("/")
    before, after = _pack(workflow, city, version), _pack(workflow, other_city, other_version)
    return Comparison.of(before, after, diff(before, after))


@router.get("/packs/{city}", response_model=list[PackLine], responses=responses(404))
def list_versions(city: CityName, caller: Caller, workflow: Desk) -> list[PackLine]:  # noqa: ARG001
    """Every version of one city's policy, oldest first."""
    today = workflow.today
    return [PackLine.of(pack, _is_applied(workflow, pack, today)) for pack in workflow.catalog.versions(city)]


@router.get("/packs/{city}/{version}", response_model=PackAnswer, responses=responses(404))
def show_pack(city: CityName, version: Version, caller: Caller, workflow: Desk) -> PackAnswer:  # noqa: ARG001
    """The whole of one pack: what a screen needs to draw forms, tables and legends."""
    pack = workflow.catalog.pinned(city, version)
    return PackAnswer.of(pack, _is_applied(workflow, pack, workflow.today))


@router.get(
    "/packs/{city}/{version}/graphs/{kind}",
    response_class=Response,
    responses={**_DRAWN, **responses(404)},
)
def draw_machine(
    city: CityName,
    version: Version,
    kind: CaseKind,
    caller: Caller,  # noqa: ARG001
    workflow: Desk,
    form: Annotated[Literal["svg", "mermaid"], Query(alias="format")] = "svg",
) -> Response:
    """The machine of one kind of case, as a picture (SVG) or in mermaid's notation."""
    pack = workflow.catalog.pinned(city, version)
    if kind not in pack.machines:
        raise NotFound(f"{pack.name} knows no cases of the kind {str(kind)!r}")
    drawn = svg(pack, kind) if form == "svg" else lifecycle_of(pack, kind).mermaid()
    return Response(drawn, headers=_STILL, media_type=_PICTURES[form])


@router.get("/packs/{city}/{version}/text", response_class=Response, responses={**_MARKDOWN, **responses(404)})
def show_pack_text(city: CityName, version: Version, caller: Caller, workflow: Desk) -> Response:  # noqa: ARG001
    """The whole pack as a readable page (Markdown, in Chinese)."""
    return Response(page(workflow.catalog.pinned(city, version)), media_type="text/markdown; charset=utf-8")


@router.get("/packs/{city}/{version}/articles", response_model=list[ArticleAnswer], responses=responses(404))
def list_articles(city: CityName, version: Version, caller: Caller, workflow: Desk) -> list[ArticleAnswer]:  # noqa: ARG001
    """Every article of the document: where it is coded, or who deals with it."""
    pack = workflow.catalog.pinned(city, version)
    return ArticleAnswer.all_of(pack, coverage(pack, {}))


@router.get("/packs/{city}/{version}/open-questions", response_model=list[QuestionAnswer], responses=responses(404))
def list_open_questions(city: CityName, version: Version, caller: Caller, workflow: Desk) -> list[QuestionAnswer]:  # noqa: ARG001
    """Everything that the text does not state, and whether the bureau has confirmed it."""
    pack = workflow.catalog.pinned(city, version)
    confirmed = {row["key"]: row["confirmed_on"] for row in workflow.confirmations(city, version)}
    return [QuestionAnswer.of(question, confirmed.get(question.key)) for question in open_questions(pack)]


@router.get(
    "/packs/{city}/{version}/confirmations", response_model=list[ConfirmationAnswer], responses=responses(403, 404)
)  # fmt: skip
def list_confirmations(city: CityName, version: Version, caller: Caller, workflow: Desk) -> list[ConfirmationAnswer]:
    """Who confirmed what of a pack, oldest first (an admin or an auditor)."""
    require_role(caller, Role.ADMIN, Role.AUDITOR)
    workflow.catalog.pinned(city, version)
    return [ConfirmationAnswer.of(row) for row in workflow.confirmations(city, version, reader=caller)]


@router.post(
    "/packs/{city}/{version}/confirmations",
    status_code=201,
    response_model=list[ConfirmationAnswer],
    responses=responses(403, 404),
)
def confirm_provision(
    city: CityName, version: Version, confirmation: Confirmation, caller: Caller, workflow: Desk
) -> list[ConfirmationAnswer]:
    """Record that the bureau has confirmed a provision (an admin of the city); all of that provision's are answered."""
    key = confirmation.key
    workflow.confirm(city, key, by=caller, on=confirmation.on, note=confirmation.note, version=version)
    return [
        ConfirmationAnswer.of(row) for row in workflow.confirmations(city, version, reader=caller) if row["key"] == key
    ]


def _pack(workflow: Workflow, city: str, version: str) -> PolicyPack:
    return workflow.catalog.pinned(city, version) if version else workflow.catalog.latest(city)


def _is_applied(workflow: Workflow, pack: PolicyPack, today: date) -> bool:
    return workflow.catalog.in_force(pack.city, today) is pack
