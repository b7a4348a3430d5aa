"""E-mail. The only home of ``smtplib``.

A message is the same at every attempt (``Message-ID``, ``Date``, text), so that a mail server or a reader's program
recognises a repetition. Whose address it is has been decided before.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import suppress
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from functools import partial
from pathlib import Path
from typing import Annotated, Literal
from unicodedata import category

from pydantic import Field

from kjfh_workflow.errors import DeliveryFailed
from kjfh_workflow.notices.channels.message import Attachment, Message
from kjfh_workflow.notices.channels.reaching import in_words, one_line, trusted, within
from kjfh_workflow.notices.channels.settings import (
    Fault,
    Flag,
    Settings,
    Surroundings,
    Text,
    Variable,
    ca_faults,
    ca_path,
    complain,
)

_PORTS = {"none": 25, "starttls": 587, "tls": 465}
#: What is less is the beginning of an answer that broke off.
_LEAST_CODE = 200
_DOCX = "vnd.openxmlformats-officedocument.wordprocessingml.document"


class MailSettings(Settings):
    """``kind = "smtp"``."""

    kind: Literal["smtp"]
    host: Text
    #: By default the usual one of the security: 25, 587, 465.
    port: Annotated[int, Field(strict=True, ge=1, le=65535)] | None = None
    security: Literal["none", "starttls", "tls"] = "starttls"
    #: Certificates of the office's own authority (PEM), instead of the system's.
    ca_file: Path | None = None
    username: Text | None = None
    password_env: Variable | None = None
    sender: Text
    attach_letter: Flag = True

    def faults(self, around: Surroundings) -> Iterator[Fault]:
        """Sender, certificates, and a password that nobody may read on its way."""
        yield from super().faults(around)
        yield from ca_faults(self.ca_file, around)
        if self.ca_file and self.security == "none":
            yield Fault("ca_file", complain("ca_unused"))
        if _mailbox(self.sender) is None:
            yield Fault("sender", complain("sender"))
        if (self.username is None) != (self.password_env is None):
            one, other = ("username", "password_env") if self.username else ("password_env", "username")
            yield Fault(one, complain("both", other=other))
        if self.username and self.security == "none":
            yield Fault("username", complain("clear"))
        if not (self.username or "").isascii():
            yield Fault("username", complain("ascii"))
        if not around.secrets.get("password_env", "").isascii():
            yield Fault("password_env", complain("ascii"))

    def open(self, around: Surroundings) -> Mail:
        """The mail channel."""
        return Mail(self, around)


class Mail:
    """One account on a mail server."""

    medium: str | None = "email"

    def __init__(self, settings: MailSettings, around: Surroundings) -> None:
        sender = _mailbox(settings.sender)
        if sender is None:
            raise ValueError(complain("sender"))
        self.name = around.name
        self._settings = settings
        self._sender = sender
        self._port = settings.port or _PORTS[settings.security]
        self._password = around.secrets.get("password_env", "")
        self._trust = trusted(ca_path(settings.ca_file, around)) if settings.security != "none" else None

    def send(self, message: Message, address: str) -> None:
        """Hand it to the mail server."""
        recipient = _mailbox(address)
        if recipient is None or recipient.display_name:
            raise DeliveryFailed("登记的不是一个可用的邮箱地址", permanent=True)
        letter = message.load_letter() if self._settings.attach_letter else None
        far_end = f"邮件服务器{self._settings.host}:{self._port}"
        within(self._settings.timeout_seconds, far_end, partial(self._hand_over, far_end, message, recipient, letter))

    def _write(self, message: Message, recipient: Address, letter: Attachment | None) -> bytes:
        if _has_control(message.subject):
            raise DeliveryFailed("邮件标题含有换行等控制字符", permanent=True)
        mail = EmailMessage(policy=SMTP)
        mail["From"] = self._sender
        mail["To"] = recipient
        mail["Subject"] = message.subject
        mail["Date"] = message.queued_at
        mail["Message-ID"] = f"<{message.safe_id}@{self._sender.domain}>"
        mail["X-Kjfh-Notice"] = message.safe_id
        mail["Auto-Submitted"] = "auto-generated"  # so that nobody's holiday reply comes back
        mail.set_content(message.text, cte="base64")  # 7 bits, whatever the server can do
        if letter:
            mail.add_attachment(letter.body, maintype="application", subtype=_DOCX, filename=message.letter_name)
        return mail.as_bytes()

    def _hand_over(self, far_end: str, message: Message, recipient: Address, letter: Attachment | None) -> None:
        written = self._write(message, recipient, letter)
        try:
            client = self._connect()
            try:
                if self._settings.security == "starttls":
                    client.starttls(context=self._trust)
                if self._settings.username:
                    client.login(self._settings.username, self._password)
                client.sendmail(self._sender.addr_spec, [recipient.addr_spec], written)
                # It is the server's now: a goodbye that fails or hangs must not make it look lost.
                with suppress(OSError):
                    client.putcmd("QUIT")
            finally:
                client.close()
        except smtplib.SMTPRecipientsRefused as error:
            [(code, reply)] = error.recipients.values()
            permanent = 500 <= code < 600
            raise DeliveryFailed(f"{far_end}拒收该收件人：{_said(code, reply)}", permanent=permanent) from error
        except smtplib.SMTPResponseException as error:
            raise DeliveryFailed(f"{far_end}没有收下：{_said(error.smtp_code, error.smtp_error)}") from error
        except smtplib.SMTPNotSupportedError as error:
            raise DeliveryFailed(f"{far_end}不支持所设的加密或登录方式（STARTTLS、AUTH）") from error
        except smtplib.SMTPServerDisconnected as error:
            raise DeliveryFailed(f"{far_end}：{in_words(error.__context__ or ConnectionResetError())}") from error

    def _connect(self) -> smtplib.SMTP:
        host, seconds = self._settings.host, self._settings.timeout_seconds
        if self._settings.security == "tls":
            return smtplib.SMTP_SSL(host, self._port, timeout=seconds, context=self._trust)
        return smtplib.SMTP(host, self._port, timeout=seconds)


def _mailbox(text: str) -> Address | None:
    """One address, with or without a display name; None if it is anything else."""
    if _has_control(text):
        return None
    try:
        header = SMTP.header_factory("To", text)
    except (ValueError, IndexError, MessageError):  # its parser stumbles over some of what is no address
        return None
    if header.defects or len(header.addresses) != 1:
        return None
    found: Address = header.addresses[0]
    # A server without SMTPUTF8 takes ASCII only.
    return found if found.username and found.domain and found.addr_spec.isascii() else None


def _has_control(text: str) -> bool:
    """Whether it could begin another header, or another line of any sort."""
    return any(category(char) in ("Cc", "Zl", "Zp") for char in text)


def _said(code: int, reply: bytes | str) -> str:
    if code < _LEAST_CODE:
        return in_words(ConnectionResetError())
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return one_line(f"{code} {text}")
