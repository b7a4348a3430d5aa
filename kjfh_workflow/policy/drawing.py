"""One machine of a pack as an SVG picture: a column for each state, a row for each edge.

Made by hand because a picture must not need a system package. The words are in ``phrases``; tables, in ``page``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from unicodedata import east_asian_width

from kjfh_workflow.policy.machine import Edge, Machine, Period, State
from kjfh_workflow.policy.model import PolicyPack
from kjfh_workflow.policy.phrases import branch_in_words, length_in_words, period_in_words, roles_in_words
from kjfh_workflow.policy.vocabulary import NEW, SAME, CaseKind, Role

_FONT = "'Noto Sans CJK SC','Microsoft YaHei','PingFang SC',sans-serif"
_MARGIN, _GAP = 24, 18
_ROW, _COLUMN, _BOX, _LINE, _BADGE = 34, 132, 116, 18, 42
_TITLE = 64  #: the height of the two lines on top
_LEGEND = 660  #: room for the line below
_BIG, _TEXT, _SMALL = 18, 13, 11
_INK, _PALE, _RULE = "#1f2937", "#6b7280", "#cbd5e1"
_PERSON, _MACHINE, _WAITING = "#1d4ed8", "#7c3aed", "#b45309"
_HEADINGS = ("事件", "情形", "由谁", "条款", "性质")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def svg(pack: PolicyPack, kind: CaseKind) -> str:
    """The picture of one machine, as an SVG document; the same pack always gives the same text."""
    drawing = _Drawing.of(pack, kind)
    body = [part for paint in (_title, _stripes, _lifelines, _heads, _rows, _legend) for part in paint(drawing)]
    size = f'width="{drawing.width}" height="{drawing.height}" viewBox="0 0 {drawing.width} {drawing.height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" xml:lang="zh-CN" font-family="{_FONT}">'
    return "\n".join([head, *body, "</svg>"]) + "\n"


@dataclass(frozen=True)
class _Drawing:
    """What stands where."""

    name: str
    source: str
    machine: Machine
    rows: tuple[tuple[Edge, tuple[str, ...]], ...]
    #: Left edge of each text column of the rows.
    text_x: tuple[int, ...]
    #: Column of each state, and of ``new``.
    x: dict[str, int]
    badges: dict[str, tuple[tuple[str, str, str], ...]]
    box_height: int
    top: int  #: of the first row

    @classmethod
    def of(cls, pack: PolicyPack, kind: CaseKind) -> _Drawing:
        machine = pack.machines[kind]
        rows = tuple((edge, _texts(pack, machine, edge)) for edge in machine.edges)
        text_x, left = _text_columns([texts for _, texts in rows])
        x = {NEW: left + 20}
        first = left + 40 + _GAP + _COLUMN // 2
        x |= {state: first + _COLUMN * number for number, state in enumerate(machine.states)}
        badges = {state: tuple(_badges(pack, machine, state)) for state in machine.states}
        box_height = 14 + _LINE * max(len(_wrapped(state.label)) for state in machine.states.values())
        top = _MARGIN + _TITLE + box_height + _BADGE * max(len(found) for found in badges.values()) + 16
        identity = pack.identity
        name = f"{identity.city_label} · {machine.label}"
        source = f"{identity.title}{identity.document_no and f'（{identity.document_no}）'} · {pack.name}"
        return cls(name, source, machine, rows, text_x, x, badges, box_height, top)

    @property
    def width(self) -> int:
        above = max(_em(self.name) * _BIG, _em(self.source) * _SMALL, _LEGEND)
        return max(max(self.x.values()) + _COLUMN // 2, _MARGIN + round(above)) + _MARGIN

    @property
    def bottom(self) -> int:
        return self.top + _ROW * len(self.rows) + 10

    @property
    def height(self) -> int:
        return self.bottom + 64

    def y(self, row: int) -> int:
        return self.top + _ROW * row + _ROW // 2


def _texts(pack: PolicyPack, machine: Machine, edge: Edge) -> tuple[str, ...]:
    return (
        machine.events[edge.event],
        "，".join(filter(None, ("整轮一次办理" if edge.for_all else "", branch_in_words(pack, machine, edge)))),
        roles_in_words(pack, edge.by),
        edge.article,
        pack.words("statuses", edge.status),
    )


def _text_columns(rows: Sequence[Sequence[str]]) -> tuple[tuple[int, ...], int]:
    """The left edge of every text column, and where the lifelines may begin; an empty column takes no room."""
    at, starts = _MARGIN + 8, []
    for number, column in enumerate(zip(*rows, strict=True)):
        starts.append(at)
        if width := max(_em(text) for text in column) * (_SMALL if number else _TEXT):
            at += round(max(width, _em(_HEADINGS[number]) * _SMALL)) + _GAP
    return tuple(starts), at


def _badges(pack: PolicyPack, machine: Machine, state: str) -> Iterator[tuple[str, str, str]]:
    """The clocks of a state: label, length, colour."""
    for timer in machine.timers:
        if period := timer.period_of.get(state):
            yield timer.label, _length(pack, period), _WAITING
        elif state in timer.pauses_in:
            yield timer.label, "停止计算", _PALE


def _length(pack: PolicyPack, period: Period) -> str:
    """How long; there is no room for what may replace the length, or for how the last day is found."""
    if period.length is not None:
        return length_in_words(pack, period.length, period.unit)
    return "另行确定" if period.reckoning else period_in_words(pack, period)


# ---- the parts ---------------------------------------------------------------------------------


def _title(drawing: _Drawing) -> Iterator[str]:
    yield f"<title>{_escaped(drawing.name)}</title>"
    yield f'<rect width="{drawing.width}" height="{drawing.height}" fill="#ffffff"/>'
    yield _text(_MARGIN, _MARGIN + 14, drawing.name, _BIG, weight="bold")
    yield _text(_MARGIN, _MARGIN + 36, drawing.source, _SMALL, _PALE)


def _stripes(drawing: _Drawing) -> Iterator[str]:
    width = drawing.width - 2 * _MARGIN
    for at in range(0, len(drawing.rows), 2):
        yield f'<rect x="{_MARGIN}" y="{drawing.y(at) - _ROW // 2}" width="{width}" height="{_ROW}" fill="#f5f7fa"/>'


def _lifelines(drawing: _Drawing) -> Iterator[str]:
    """From behind the heads downwards."""
    ends = f'y1="{_MARGIN + _TITLE + drawing.box_height // 2}" y2="{drawing.bottom}"'
    for state, x in drawing.x.items():
        place = f'data-state="{_escaped(state)}" x1="{x}" x2="{x}" {ends}'
        yield f'<line class="lifeline" {place} stroke="{_RULE}" stroke-width="1.5"/>'


def _heads(drawing: _Drawing) -> Iterator[str]:
    y = _MARGIN + _TITLE + drawing.box_height // 2
    yield f'<circle class="new" cx="{drawing.x[NEW]}" cy="{y}" r="9" fill="{_INK}"/>'
    for name, state in drawing.machine.states.items():
        yield f'<g class="state" data-state="{_escaped(name)}">'
        yield from _box(drawing.x[name], _MARGIN + _TITLE, drawing.box_height, state)
        for number, badge in enumerate(drawing.badges[name]):
            yield from _badge(drawing.x[name], _MARGIN + _TITLE + drawing.box_height + 6 + _BADGE * number, *badge)
        yield "</g>"


def _box(x: int, y: int, height: int, state: State) -> Iterator[str]:
    fill, stroke = _colours(state)
    left = x - _BOX // 2
    yield _rect(left, y, _BOX, height, fill, stroke)
    if state.final:
        yield _rect(left + 3, y + 3, _BOX - 6, height - 6, "none", stroke)
    lines = _wrapped(state.label)
    first = y + height / 2 - _LINE * (len(lines) - 1) / 2 + _TEXT * 0.36
    for number, line in enumerate(lines):
        yield _text(x, first + _LINE * number, line, _TEXT, anchor="middle", weight="bold")


def _colours(state: State) -> tuple[str, str]:
    if state.title_cancelled:
        return "#fee2e2", "#b91c1c"
    if state.right_to_be_heard:
        return "#fef3c7", "#b45309"
    if state.titled:
        return "#dcfce7", "#15803d"
    return "#f8fafc", "#475569"


def _badge(x: int, y: int, label: str, length: str, colour: str) -> Iterator[str]:
    left, clock = x - _BOX // 2, (x - _BOX // 2 + 14, y + 18)
    yield _rect(left, y, _BOX, _BADGE - 6, "#fffbeb" if colour == _WAITING else "#f3f4f6", colour, dash=True)
    yield f'<circle cx="{clock[0]}" cy="{clock[1]}" r="6" fill="#ffffff" stroke="{colour}"/>'
    yield f'<path d="M{clock[0]} {clock[1] - 4}V{clock[1]}H{clock[0] + 3}" fill="none" stroke="{colour}"/>'
    for number, text in enumerate((label, length)):
        size = min(_SMALL, (_BOX - 32) / max(1, _em(text)))
        yield _text(left + 27, y + 15 + 14 * number, text, size, colour)


def _rows(drawing: _Drawing) -> Iterator[str]:
    used = [any(column) for column in zip(*(texts for _, texts in drawing.rows), strict=True)]
    for x, heading, shown in zip(drawing.text_x, _HEADINGS, used, strict=True):
        if shown:
            yield _text(x, drawing.top - 8, heading, _SMALL, _PALE)
    for at, (edge, texts) in enumerate(drawing.rows):
        y = drawing.y(at)
        yield f'<g class="edge" data-event="{_escaped(edge.event)}">'
        yield _text(drawing.text_x[0], y + 4.5, texts[0], _TEXT, weight="bold")
        for x, text in zip(drawing.text_x[1:], texts[1:], strict=True):
            if text:
                yield _text(x, y + 4.5, text, _SMALL, _PALE)
        yield from _arrows(drawing, edge, y)
        yield "</g>"


def _arrows(drawing: _Drawing, edge: Edge, y: int) -> Iterator[str]:
    """From every source's dot to the head at the target; what stays where it is, is a loop."""
    machine_made = not set(edge.by) - {Role.TIMER, Role.CASE}
    colour = _MACHINE if machine_made else _PERSON
    dash = ' stroke-dasharray="5 3"' if machine_made else ""
    moving = [drawing.x[source] for source in edge.sources if edge.to not in (SAME, source)]
    target = drawing.x.get(edge.to, 0)
    for side in ([x for x in moving if x < target], [x for x in moving if x > target]):
        if side:
            far, toward = max(side, key=lambda x: abs(target - x)), 1 if side[0] < target else -1
            yield f'<path d="M{far} {y}H{target - 8 * toward}" stroke="{colour}" stroke-width="1.6"{dash}/>'
            yield _arrow_head(target, y, toward, colour)
    for source in edge.sources:
        x, stays = drawing.x[source], edge.to in (SAME, source)
        if stays:
            yield f'<path d="M{x} {y - 6}H{x + 16}a6 6 0 0 1 0 12H{x + 8}" fill="none" stroke="{colour}"/>'
            yield _arrow_head(x, y + 6, -1, colour)
        yield f'<circle class="source" cx="{x}" cy="{y - 6 if stays else y}" r="4" fill="{colour}"/>'


def _arrow_head(x: int, y: int, toward: int, colour: str) -> str:
    back = x - 10 * toward
    return f'<path class="target" d="M{x} {y}L{back} {y - 5}L{back} {y + 5}Z" fill="{colour}"/>'


def _legend(drawing: _Drawing) -> Iterator[str]:
    x, y = _MARGIN + 8, drawing.bottom + 32
    yield '<g class="legend">'
    for text, colour, dash in (("由人办理", _PERSON, ""), ("期限届满或关联案件", _MACHINE, ' stroke-dasharray="5 3"')):
        yield f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}"/>'
        yield f'<path d="M{x} {y}H{x + 28}" stroke="{colour}" stroke-width="1.6"{dash}/>'
        yield _arrow_head(x + 36, y, 1, colour)
        yield _text(x + 44, y + 4, text, _SMALL, _PALE)
        x += 44 + round(_em(text) * _SMALL) + _GAP
    samples = {
        "终结": State(label="-", final=True),
        "持有资格": State(label="-", titled=True),
        "陈述申辩": State(label="-", right_to_be_heard=True),
        "资格已取消": State(label="-", title_cancelled=True),
    }
    for text, state in samples.items():
        fill, stroke = _colours(state)
        yield _rect(x, y - 8, 24, 16, fill, stroke)
        if state.final:
            yield _rect(x + 3, y - 5, 18, 10, "none", stroke)
        yield _text(x + 30, y + 4, text, _SMALL, _PALE)
        x += 30 + round(_em(text) * _SMALL) + _GAP
    yield "</g>"


# ---- strokes and letters -----------------------------------------------------------------------


def _rect(x: float, y: float, width: float, height: float, fill: str, stroke: str, *, dash: bool = False) -> str:
    dashes = ' stroke-dasharray="3 2"' if dash else ""
    place = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
    return f'<rect {place} rx="4" fill="{fill}" stroke="{stroke}"{dashes}/>'


def _text(
    x: float, y: float, text: str, size: float, colour: str = _INK, *, anchor: str = "start", weight: str = "normal"
) -> str:
    style = f'font-size="{size:g}" fill="{colour}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text x="{x:g}" y="{y:g}" {style}>{_escaped(text)}</text>'


def _wrapped(label: str) -> list[str]:
    """A label in lines that fit its box, broken after a comma where there is one."""
    room = (_BOX - 14) / _TEXT
    lines = [""]
    for phrase in re.findall(r"[^，、：；]+[，、：；]?|[，、：；]", label):
        if lines[-1] and _em(lines[-1] + phrase) > room:
            lines.append("")
        for character in phrase:
            if _em(lines[-1] + character) > room:
                lines.append("")
            lines[-1] += character
    return lines


def _em(text: Iterable[str]) -> float:
    """The width of a text in units of its size; rather too wide than too narrow."""
    return sum(1 if east_asian_width(character) in "WFA" else 0.62 for character in text)


def _escaped(text: str) -> str:
    return escape(_NOT_XML.sub("", text))
