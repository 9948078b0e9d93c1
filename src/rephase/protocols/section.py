"""What a section of a report is: a title, paragraphs and a table, all of them text. The report draws and escapes it."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen, validators

__all__ = ["ReportSection"]

_text: Any = validators.instance_of(str)


def _texts(rows: int = 1) -> Any:
    """Validates tuples of text, nested so many times."""
    inner = _text if rows == 1 else _texts(rows - 1)
    return validators.deep_iterable(inner, validators.instance_of((tuple, list)))


@frozen(kw_only=True)
class ReportSection:
    """One section; nothing in it is read as markup.

    Args:
        title: Its heading.
        paragraphs: What stands before the table.
        columns: Headings of the table; none for no table.
        rows: Its rows, as many cells each as there are columns.
    """

    title: str = field(validator=[_text, validators.min_len(1)])
    paragraphs: tuple[str, ...] = field(default=(), validator=_texts())
    columns: tuple[str, ...] = field(default=(), validator=_texts())
    rows: tuple[tuple[str, ...], ...] = field(default=(), validator=_texts(2))

    def __attrs_post_init__(self) -> None:
        for at, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ValueError(f"row {at} of {self.title!r} has {len(row)} cells for {len(self.columns)} columns")
