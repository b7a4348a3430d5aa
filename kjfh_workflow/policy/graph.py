"""A machine as a graph: its single steps, and where they lead.

What is wrong with a graph is asked in the checks; which step a case takes, in ``rules.lifecycle``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from kjfh_workflow.policy.machine import Edge, Machine
from kjfh_workflow.policy.vocabulary import NEW, SAME, Role


def steps(machine: Machine) -> Iterator[tuple[str, str, Edge]]:
    """(from, to, edge) of every single step."""
    for edge in machine.edges:
        for source in edge.sources:
            yield source, source if edge.to == SAME else edge.to, edge


def reachable(
    machine: Machine, starts: Iterable[str], by: Callable[[str, Edge], bool] = lambda _source, _edge: True
) -> set[str]:
    """*starts*, and every state that steps for which ``by(source, edge)`` holds lead to from there."""
    ways: dict[str, list[str]] = {}
    for source, target, edge in steps(machine):
        if by(source, edge):
            ways.setdefault(source, []).append(target)
    seen = {*starts}
    waiting = [*seen]
    while waiting:
        for target in ways.get(waiting.pop(), ()):
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return seen


def opening_edge(machine: Machine) -> Edge | None:
    """The edge by which another case opens a case of this machine."""
    return next((e for e in machine.edges if NEW in e.sources and Role.CASE in e.by), None)


def told_edges(parent: Machine | None, edge: Edge) -> list[Edge]:
    """The edges of the case it belongs to, one of which is taken with *edge*."""
    if parent is None or edge.tells is None:
        return []
    return [told for told in parent.edges_of.get(edge.tells, ()) if Role.CASE in told.by]
