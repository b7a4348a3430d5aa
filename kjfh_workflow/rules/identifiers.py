"""The unified social credit code (统一社会信用代码, GB 32100-2015). The only home of ``stdnum``.

``stdnum`` knows the check digit but refuses valid codes that have a letter among the first eight characters,
so only its check-digit arithmetic is used.
"""

from __future__ import annotations

import re
from functools import lru_cache

from stdnum.cn import uscc as _uscc

from kjfh_workflow.policy.wording import short
from kjfh_workflow.rules.hidden import first_hidden

#: The characters of a code; I, O, S, V and Z are left out by the standard.
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_LENGTH = 18


_ID = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,128}")


def check_id(value: object, what: str) -> str:
    """An id or a name that another system gave us: 1 to 128 characters, none of them invisible.

    Raises:
        ValueError: saying what is wrong with it.
    """
    if not isinstance(value, str) or not _ID.fullmatch(value) or not value.strip() or first_hidden(value):
        raise ValueError(f"{what} must be a text of 1 to 128 visible characters, not {value!r}")
    return value


@lru_cache(maxsize=65_536)  # a roster is read again and again, and the library takes 30 µs for each code
def check_uscc(code: str) -> str:
    """The code in capitals and without blanks.

    Raises:
        ValueError: saying in Chinese what is wrong with it.
    """
    code = "".join(code.split())
    if hidden := first_hidden(code):
        raise ValueError(f"统一社会信用代码含有不可见的控制字符（{hidden}）")
    # Of other letters some become two when they are made capitals, and two of ours at that.
    code = code.upper() if code.isascii() else code
    if len(code) != _LENGTH:
        raise ValueError(f"“{short(code)}”不是统一社会信用代码：应为18位，现为{len(code)}位")
    wrong = sorted(set(code) - set(ALPHABET))
    if wrong:
        raise ValueError(f"“{code}”不是统一社会信用代码：不能含有{'、'.join(wrong)}")
    expected = _uscc.calc_check_digit(code[:-1])
    if code[-1] != expected:
        raise ValueError(f"“{code}”不是统一社会信用代码：校验码应为{expected}，现为{code[-1]}")
    return code
