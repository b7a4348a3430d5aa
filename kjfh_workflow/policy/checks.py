"""Whether a pack makes sense as a whole: names, citations, graphs, timers, the right to be heard.

Each check yields ``Problem``s; ``check_pack`` collects them all. Shape and spelling of single values are
proved earlier, by the loader.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import pairwise
from string import Formatter

from kjfh_workflow.errors import Problem
from kjfh_workflow.policy.machine import Machine
from kjfh_workflow.policy.machine_checks import MachineCheck
from kjfh_workflow.policy.model import Cap, PolicyPack
from kjfh_workflow.policy.vocabulary import (
    CaseKind,
    Handling,
    Measure,
    Modifier,
    Status,
    TenantTest,
)
from kjfh_workflow.policy.wording import hint, say
from kjfh_workflow.policy.years_checks import years_complaints

_CITATION = re.compile(r"^(?P<article>.+?)(?:第(?P<item>\d+)项)?$")
_PER_TENANT = {Measure.PROFESSIONALS_PER_TENANTS, Measure.MENTORS_PER_TENANTS}
_TIMED_TESTS = {TenantTest.AGE_AT_ENTRY, TenantTest.STAY}
#: ``has_template(city, notice)``.
HasTemplate = Callable[[str, str], bool]


def check_pack(pack: PolicyPack, has_template: HasTemplate) -> list[Problem]:
    """Every problem of *pack*; ``has_template(city, notice)`` tells whether a template exists."""
    place = pack.name
    problems = [
        *_check_keys(pack),
        *_check_citations(pack),
        *_check_identity(pack),
        *(Problem("policy.toml", key, message) for key, message in years_complaints(pack)),
        *_check_criteria(pack),
        *_check_notices(pack, has_template),
        *_check_labels(pack),
    ]
    for kind, machine in pack.machines.items():
        problems += MachineCheck(pack, kind, machine).problems()
    return [Problem(f"{place}/{problem.place}", problem.key, problem.message) for problem in problems]


def check_versions(packs: Iterable[PolicyPack]) -> list[Problem]:
    """Gaps and overlaps between the versions of one city, given in any order."""
    problems = []
    ordered = sorted(packs, key=lambda pack: pack.identity.in_force.effective_from)
    for earlier, later in pairwise(ordered):
        end = earlier.identity.in_force.effective_to
        start = later.identity.in_force.effective_from
        if end is None or end + timedelta(days=1) == start:
            continue
        code = "version_overlap" if end >= start else "version_gap"
        message = say(code, to=end, other=later.version, start=start)
        problems.append(Problem(f"{earlier.name}/policy.toml", "in_force.effective_to", message))
    return problems


def article_of(citation: str) -> tuple[str, int | None]:
    """A citation's article and item: ``第五条第2项`` → (``第五条``, 2)."""
    match = _CITATION.match(citation)
    assert match, "the pattern matches every non-empty text"  # noqa: S101
    item = match["item"]
    return match["article"], int(item) if item else None


def citation_problem(pack: PolicyPack, citation: str) -> str:
    """Why *citation* is not one of the document's, or an empty text."""
    number, item = article_of(citation)
    article = next((a for a in pack.identity.articles if a.number == number), None)
    if article is None:
        return say("no_citation", citation=citation) + hint(number, (a.number for a in pack.identity.articles))
    if item is not None and not 1 <= item <= article.items:
        return say("no_item", citation=citation, article=number, items=article.items)
    return ""


def _check_citations(pack: PolicyPack) -> Iterator[Problem]:
    cited: dict[str, str] = {}
    for key, provision in pack.provisions():
        if message := citation_problem(pack, provision.article):
            yield Problem(_file_of(key), key, message)
        cited.setdefault(article_of(provision.article)[0], key)
        if provision.status is not Status.STATED and not provision.note.strip():
            yield Problem(_file_of(key), key, say("note_required", status=provision.status))
    for article in pack.identity.articles:
        if article.handling is Handling.CODED and article.number not in cited:
            yield Problem("policy.toml", f"article.{article.number}", say("article_uncited"))
        if article.handling is Handling.NOT_APPLICABLE and article.number in cited:
            message = say("article_cited", handling=article.handling, key=cited[article.number])
            yield Problem("policy.toml", f"article.{article.number}", message)


def _file_of(key: str) -> str:
    head = key.split(".", maxsplit=1)[0]
    if head in set(CaseKind):
        return f"machines/{head}.toml"
    return "criteria.toml" if head in ("criterion", "tenant_condition", "standard") else "policy.toml"


def _check_keys(pack: PolicyPack) -> Iterator[Problem]:
    """Nothing stands twice: provisions by their key, caps by each of their kinds of space, articles."""
    keys = [key for key, provision in pack.provisions() if not isinstance(provision, Cap)]
    keys += [f"cap.{space}.{cap.level}" for cap in pack.identity.caps for space in cap.spaces]
    keys += [f"article.{article.number}" for article in pack.identity.articles]
    for key, count in Counter(keys).items():
        if count > 1:
            yield Problem(_file_of(key), key, say("duplicate", name=key))


def _check_identity(pack: PolicyPack) -> Iterator[Problem]:
    identity, force = pack.identity, pack.identity.in_force
    if force.effective_from.isoformat() != pack.version:
        message = say("version_folder", found=force.effective_from, expected=pack.version)
        yield Problem("policy.toml", "in_force.effective_from", message)
    if force.effective_to and force.effective_to < force.effective_from:
        message = say("dates_reversed", to=force.effective_to, start=force.effective_from)
        yield Problem("policy.toml", "in_force.effective_to", message)
    spaces = {space_type.space for space_type in identity.types.values()}
    for cap in identity.caps:
        for space in cap.spaces:
            if space not in spaces:
                yield Problem("policy.toml", "cap.spaces", say("unknown_space", name=space) + hint(space, spaces))


def _check_criteria(pack: PolicyPack) -> Iterator[Problem]:
    place = "criteria.toml"
    for criterion in pack.criteria:
        key = f"criterion.{criterion.id}"
        for name in criterion.types:
            if name not in pack.identity.types:
                yield Problem(place, key, say("unknown_type", name=name) + hint(name, pack.identity.types))
        compared = (criterion.measure, criterion.op, criterion.value)
        if criterion.modifier is Modifier.JUDGED:
            if any(part is not None for part in compared):
                yield Problem(place, key, say("criterion_judged"))
        elif None in compared:
            yield Problem(place, key, say("criterion_measure"))
        if criterion.requires and criterion.modifier is not Modifier.JUDGED:
            yield Problem(place, key, say("requires_judged"))
        if (criterion.per is not None) != (criterion.measure in _PER_TENANT):
            yield Problem(place, key, say("per_measure"))
    for condition in pack.tenant_conditions:
        if (condition.months is not None) != (condition.test in _TIMED_TESTS):
            yield Problem(place, f"tenant_condition.{condition.id}", say("months_test"))


def _check_notices(pack: PolicyPack, has_template: HasTemplate) -> Iterator[Problem]:
    known = pack.identity.notices
    ways = [
        (f"machines/{kind}.toml", *way)
        for kind, machine in pack.machines.items()
        for way in _notices_with_keys(machine)
    ]
    if pack.identity.awards:
        ways.append(("policy.toml", "awards.notice", pack.identity.awards.notice, False))
    for file, key, notice, others in ways:
        if notice not in known or not (known[notice].to or others):
            message = say("unknown_notice", name=notice) + ("" if notice in known else hint(notice, known))
            yield Problem(file, key, message)
    sent = {notice for _, _, notice, _ in ways}
    for notice in sorted(sent):
        if not has_template(pack.city, notice):
            yield Problem("policy.toml", f"notices.{notice}", say("no_template", name=notice))
    for notice in known:
        if notice not in sent:
            yield Problem("policy.toml", f"notices.{notice}", say("notice_unused"))
    yield from _check_numbering(pack)


def _check_numbering(pack: PolicyPack) -> Iterator[Problem]:
    numbering = pack.identity.numbering
    numbered = [name for name, notice in pack.identity.notices.items() if notice.numbered]
    if numbered and numbering is None:
        yield Problem("policy.toml", f"notices.{numbered[0]}.numbered", say("no_numbering"))
    if numbering and _blanks(numbering.form) != ["number", "year"]:
        yield Problem("policy.toml", "numbering.form", say("number_form", found=numbering.form))


def _blanks(form: str) -> list[str]:
    """The names of the blanks of a form, in alphabetical order; none where its braces do not match."""
    try:
        return sorted(name for _, name, *_ in Formatter().parse(form) if name is not None)
    except ValueError:
        return []


def _notices_with_keys(machine: Machine) -> Iterator[tuple[str, str, bool]]:
    """(key, notice, whether somebody receives it even if the notice names nobody)."""
    for edge in machine.edges:
        yield from ((f"edge.{edge.event}.notify", notice, False) for notice in edge.notify)
    for timer in machine.timers:
        with_the_work = all(period.responsible for period in timer.periods)
        yield from ((f"timer.{timer.name}.reminder", rule.notice, with_the_work) for rule in timer.reminders)
        if timer.overdue_notice:
            yield f"timer.{timer.name}.overdue_notice", timer.overdue_notice, False
        if timer.moved_notice:
            yield f"timer.{timer.name}.moved_notice", timer.moved_notice, with_the_work
        if timer.escalation:
            yield f"timer.{timer.name}.escalation", timer.escalation.notice, False


def _check_labels(pack: PolicyPack) -> Iterator[Problem]:
    """Kinds of space are the pack's own names; the program has words for all of its own."""
    for space in sorted({space_type.space for space_type in pack.identity.types.values()}):
        if not pack.words.has("spaces", space):
            yield Problem("labels.toml", f"spaces.{space}", say("no_label", section="spaces"))
