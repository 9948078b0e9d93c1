"""Text from files and strangers, made harmless where people read it: on a terminal and in Markdown.

A title or a reason is data. Shown as it is, a control character could move a terminal's cursor, a bidirectional one
could turn what follows around, and markup could become a link. Pure functions.
"""

from __future__ import annotations

import re

__all__ = ["markdown_text", "visible"]

# Control characters; what changes a line's direction or joins nothing to be seen; line separators; half characters.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_MARKUP = re.compile(r"[\\`*\[\]<>|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|!(?=\[)|&(?=[A-Za-z#])")


def visible(text: str, keep: str = "\n\t") -> str:
    r"""Write every character that cannot be seen as an escape, such as ``\x1b`` or ``\u202e``.

    Args:
        text: Any text.
        keep: Control characters that are left as they are.
    """
    return _HIDDEN.sub(lambda found: found[0] if found[0] in keep else _escape(found[0]), text)


def markdown_text(text: str) -> str:
    """Write a text so that Markdown shows it as it is, on one line: no markup, no tags, no end of a cell.

    Args:
        text: Any text.
    """
    one_line = visible(" ".join(text.split()), keep="")
    return _MARKUP.sub(lambda found: {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(found[0], f"\\{found[0]}"), one_line)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
