"""Reaching a far end: for how long at most, with which trust, and what went wrong in words.

The words are Chinese and made to be passed on to the IT department. What a protocol's own answers mean is said in
the channels.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from kjfh_workflow.errors import DeliveryFailed

#: How often an attempt that may be broken off looks whether it is to be, in seconds.
_LOOK_SECONDS = 0.2
_LONGEST_ANSWER = 200
_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "没有按时应答"),
    (socket.gaierror, "找不到这台主机（域名解析失败）"),
    (ConnectionRefusedError, "连接被拒绝（服务没有开启，或被防火墙拦下）"),
    (ConnectionError, "对方中断了连接"),
)


def within(seconds: int, far_end: str, act: Callable[[], None], stop: threading.Event | None = None) -> None:
    """Do *act*, for *seconds* in all, or until *stop* is set.

    Libraries bound each single read and write, so a receiver that dribbles could hold one for hours. After the time is
    up the act is left to end by itself; if it still succeeds, the repetition bears the same id.

    Args:
        seconds: after which the attempt has failed.
        far_end: what is being reached, as staff would call it.
        act: sets timeouts of its own, so that it does not stay behind for ever.
        stop: whoever calls is to end; the attempt is left like one whose time is up.

    Raises:
        DeliveryFailed: whatever the act raises.
    """
    failures: list[Exception] = []

    def attempt() -> None:
        try:
            act()
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=attempt, name=f"reaching {far_end}", daemon=True)
    thread.start()
    until = time.monotonic() + seconds
    while thread.is_alive() and (left := until - time.monotonic()) > 0 and not (stop and stop.is_set()):
        thread.join(min(left, _LOOK_SECONDS) if stop else left)
    if thread.is_alive():
        raise DeliveryFailed(f"{far_end}：{seconds}秒内没有完成")
    for error in failures:
        if isinstance(error, DeliveryFailed):
            raise error
        raise DeliveryFailed(f"{far_end}：{in_words(error)}") from error


def in_words(error: BaseException) -> str:
    """What went wrong on the network; of an unknown error only its name, because its text may hold anything."""
    words = (_of_one(link) for link in _chain(error))
    return next((found for found in words if found), type(error).__name__)


def one_line(answer: str) -> str:
    """What a far end said, fit for a log and a terminal."""
    return " ".join("".join(char if char.isprintable() else " " for char in answer).split())[:_LONGEST_ANSWER]


def trusted(ca_file: Path | None) -> ssl.SSLContext:
    """TLS that verifies certificate and host name, by the system's authorities or by those of *ca_file* alone.

    Raises:
        OSError: if the file cannot be read or holds no certificate.
    """
    return ssl.create_default_context(cafile=ca_file)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what led to it; libraries wrap the socket's own."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _of_one(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"对方的证书未通过验证（{error.verify_message}）"
    if isinstance(error, ssl.SSLError):
        return f"未能建立加密连接（TLS，{error.reason or '对方中断'}）"
    known = next((words for kind, words in _WORDS if isinstance(error, kind)), "")
    return known or (error.strerror or "" if isinstance(error, OSError) else "")
