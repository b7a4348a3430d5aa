"""The name of a file as it may be kept: a plain one that means the same on every screen and in every folder.

What is in the file is ``file_types``'s.
"""

from __future__ import annotations

import re
import unicodedata

from kjfh_workflow.errors import InputError, Problem
from kjfh_workflow.rules.hidden import first_hidden

#: What the file systems people use can hold, in UTF-8.
MAX_NAME_BYTES = 240
#: What separates folders somewhere, or looks as if it did, and what Windows allows in no name.
_NOT_IN_NAMES = frozenset('<>:"/\\|?*\u2044\u2215\u2216\u29f5\u29f8\u29f9\ufe68\uff0f\uff3c')
#: Devices of Windows, with whatever ending.
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?:\..*)?", re.IGNORECASE | re.DOTALL)


def plain_name(name: str) -> str:
    """*name* in one spelling (NFC), and otherwise as it came.

    Raises:
        InputError: in Chinese, for a path, for characters that nobody can see, for names that mean something else.
    """
    plain = unicodedata.normalize("NFC", name)
    if problem := _problem(plain):
        raise InputError([Problem("文件名", "", problem)])
    return plain


def ending(name: str) -> str:
    """What stands behind the last full stop, in small letters; empty where there is none."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def _problem(name: str) -> str:
    if hidden := first_hidden(name):
        return f"含有不可见的控制字符（{hidden}）；请改名后再上传"
    if wrong := sorted(_NOT_IN_NAMES & {*name}):
        return f"不能含有{'、'.join(wrong)}；只填文件名，不要带路径"
    size = len(name.encode())
    faults = (
        (not name.strip(". \u3000"), "不能为空"),
        (name != name.strip(), "不能以空格开头或结尾；请改名后再上传"),
        (not {*name}.isdisjoint("\n\t"), "应写在一行内；请改名后再上传"),
        (name.startswith(".") or name.endswith("."), "不能以点开头或结尾"),
        (_RESERVED.fullmatch(name), "是操作系统保留的名称；请改名后再上传"),
        (size > MAX_NAME_BYTES, f"太长：{size}字节，最多{MAX_NAME_BYTES}字节（每个汉字3字节）"),
    )
    return next((said for holds, said in faults if holds), "")
