"""Chat robots (DingTalk, WeCom, Feishu and the rest) by Apprise address. The only home of ``apprise``.

A chat is outside the house: it is told which case and where to look, never who, nor what about.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import Field, StringConstraints

from kjfh_workflow.errors import DeliveryFailed
from kjfh_workflow.notices.channels.message import Message
from kjfh_workflow.notices.channels.reaching import in_words, within
from kjfh_workflow.notices.channels.settings import Fault, Settings, Surroundings, Variable, complain

#: They write whole addresses into the log, and with them the robot's key.
_TALKATIVE = ("apprise", "urllib3.connection", "urllib3.connectionpool", "urllib3.util.retry")
#: Robots that live at an address of their maker's. Others of Apprise's kinds call whatever host, file or program an
#: address names, from inside the house.
ROBOTS = ("dingtalk", "feishu", "lark", "wecombot")
_Scheme = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,32}$")]
_STATUS = re.compile(r"error=(\d{3})\b")


class ChatSettings(Settings):
    """``kind = "apprise"``."""

    kind: Literal["apprise"]
    #: One group for all; without it each addressee has an address of its own.
    url_env: Variable | None = None
    #: What an addressee's address may begin with; a fixed group's is the bureau's own.
    schemes: Annotated[tuple[_Scheme, ...], Field(min_length=1)] = ROBOTS

    def faults(self, around: Surroundings) -> Iterator[Fault]:
        """Whether the package is there."""
        yield from super().faults(around)
        if find_spec("apprise") is None:
            yield Fault("kind", complain("no_apprise"))

    def open(self, around: Surroundings) -> Chat:
        """The chat channel."""
        return Chat(self, around)


class Chat:
    """A fixed group, or whatever address an addressee has given."""

    def __init__(self, settings: ChatSettings, around: Surroundings) -> None:
        self.name = around.name
        self._group = around.secrets.get("url_env", "")
        self._link = around.link
        self._schemes = settings.schemes
        self._timeout = settings.timeout_seconds
        self.medium = None if self._group else "chat"

    def send(self, message: Message, address: str) -> None:
        """Tell the chat that there is something to look at."""
        if not self._group and scheme_of(address) not in self._schemes:
            raise DeliveryFailed(f"登记的聊天地址不是{'、'.join(self._schemes)}之一", permanent=True)
        lines = [f"案件编号：{message.case}"]
        if self._link:
            lines.append(self._link.format(case=quote(message.case, safe="")))
        within(self._timeout, "群机器人", partial(self._tell, self._group or address, message.label, "\n".join(lines)))

    def _tell(self, address: str, title: str, body: str) -> None:
        from apprise import Apprise, AppriseAsset, NotifyFormat  # noqa: PLC0415  (optional, and slow)

        asset = AppriseAsset(app_id="kjfh-workflow")
        with _Silence() as silence, _without_cause():
            robot = Apprise.instantiate(address, asset=asset)
            if robot is None:
                # The group's address can be mended without touching the message; an addressee's is wrong as it stands.
                raise DeliveryFailed("登记的不是Apprise能识别的聊天地址", permanent=not self._group)
            robot.redirects = False
            robot.socket_connect_timeout = robot.socket_read_timeout = float(self._timeout)
            # Asked by itself: under an Apprise object it would work, and talk, in a thread of its own.
            taken = robot.notify(title=title, body=body, body_format=NotifyFormat.TEXT)
        if not taken:
            raise DeliveryFailed(f"{robot.service_name}没有收下{silence.status}")


def scheme_of(address: str) -> str:
    """What stands before ``://``, in small letters, as Apprise takes it."""
    return address.partition("://")[0].lower()


@contextmanager
def _without_cause() -> Iterator[None]:
    """What a robot's own code raises may hold its address, and a trace would show it."""
    try:
        yield
    except DeliveryFailed:
        raise
    except Exception as error:
        raise DeliveryFailed(f"群机器人：{in_words(error)}") from None


class _Silence(logging.Filter):
    """Keeps what the libraries log in this thread out of every log, and listens for the status."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()
        #: ``（500）``, or empty where none was heard.
        self.status = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Nothing of this thread passes."""
        if record.thread != self._thread:
            return True
        if heard := _STATUS.search(record.getMessage()):
            self.status = f"（答复{heard[1]}）"
        elif record.levelno >= logging.WARNING and "onnection" in record.getMessage():
            self.status = "（连接不上或没有按时应答）"
        return False

    def __enter__(self) -> _Silence:
        for name in _TALKATIVE:
            logging.getLogger(name).addFilter(self)
        return self

    def __exit__(self, *_: object) -> None:
        for name in _TALKATIVE:
            logging.getLogger(name).removeFilter(self)
