"""A docket as an iCalendar file (RFC 5545), to be subscribed to or imported. The only home of ``icalendar``.

No VALARM: the program itself reminds, by letter and at the legal time.
"""

from __future__ import annotations

from datetime import timedelta

from icalendar import Calendar, Event

from kjfh_workflow.casework.views.docket import Docket, Item
from kjfh_workflow.rules.deadlines import chinese

_PRODUCT = "-//kjfh-workflow//docket//ZH"


def to_ics(docket: Docket) -> bytes:
    """One all-day event on the last day of each running clock."""
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", "日程")
    for item in docket.items:
        event = Event()
        # The same clock keeps its event when the file is imported again.
        event.add("uid", f"{item.case}.{item.timer}.{item.sequence}@kjfh-workflow")
        event.add("dtstamp", docket.made_at)
        event.add("dtstart", item.due)
        event.add("dtend", item.due + timedelta(days=1))
        event.add("summary", f"{item.timer_label}{'（暂定）' if item.provisional else ''}：{item.operator}")
        event.add("description", _description(item))
        event.add("categories", [item.city_label, item.timer_label])
        event.add("status", "TENTATIVE" if item.provisional else "CONFIRMED")
        event.add("transp", "TRANSPARENT")
        calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content


def _description(item: Item) -> str:
    lines = {
        "案件": f"{item.case}（{item.city_label}，{item.type_label}）",
        "单位": f"{item.operator}（{item.uscc}）",
        "状态": item.state_label,
        "由谁办理": item.who,
        "计算": item.proof,
        "依据": f"{item.article}，{item.status_label}",
        f"{chinese(item.due)}24时": item.event_label,
        "无人办理的结局": item.ends.words,
    }
    return "\n".join(f"{name}：{text}" for name, text in lines.items())
