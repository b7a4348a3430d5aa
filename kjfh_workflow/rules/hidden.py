"""Characters that nobody can see, or that look like others: what has no place in a name or an id.

Old records are read as they are; these are the questions that are asked of what comes in now.
"""

from __future__ import annotations

import re
import unicodedata

#: Characters without a shape that Unicode calls letters, marks or symbols.
_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
#: Other drawings of the character before them; two names that differ in one are told apart by programs only.
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
#: Greek capitals and small letters that are drawn as Latin ones.
_GREEK = "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧονρ"
_MIXED = re.compile(rf"[A-Za-z][\u0400-\u052f{_GREEK}]|[\u0400-\u052f{_GREEK}][A-Za-z]")
#: Radicals: drawn as the characters that they are part of, as copying from some PDF files makes them.
_RADICAL = re.compile("[\u2e80-\u2fdf]")


def is_hidden(character: str) -> bool:
    """Whether a character cannot be seen, or changes the order of those that can: controls, bidi marks, fillers.

    Line breaks and tabs are seen; where only one line may stand, that is asked apart.
    """
    if character in "\n\t":
        return False
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") or bool(
        character in _BLANK or _SELECTORS.match(character)
    )


def first_hidden(text: str) -> str:
    """The first character of *text* that nobody can see, as its number: ``U+202E``; empty if there is none."""
    # Most texts have none, and ordinary ones are told apart quickly.
    if text.isprintable() and (text.isascii() or not (_SELECTORS.search(text) or any(b in text for b in _BLANK))):
        return ""
    return next((f"U+{ord(character):04X}" for character in text if is_hidden(character)), "")


def looks_like_another(text: str) -> str:
    """What in a name can be taken for something else, in Chinese; empty if nothing can.

    Radicals that are drawn as whole characters, and Cyrillic or Greek letters among Latin ones.
    """
    if found := _RADICAL.search(text):
        meant = unicodedata.normalize("NFKC", found[0])
        instead = f"，应为“{meant}”" if meant != found[0] else ""
        return f"“{found[0]}”是部首符号，不是汉字{instead}；请重新输入"
    if found := _MIXED.search(text):
        return f"“{found[0]}”混用了形近的外文字母；请全部改用英文字母"
    return ""
