"""Files that appear whole or not at all: a temporary file, flushed to the disk, then renamed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["flush_folder", "naming", "write_atomically"]

# What file systems answer that cannot flush a folder, and have nothing to flush.
_NO_FLUSH = (errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.EOPNOTSUPP)


def write_atomically(path: Path, text: str) -> None:
    """Replace a file's content so that a reader, or a crash, meets the old or the new and nothing between.

    Args:
        path: The file; missing folders are made.
        text: Its new content.

    Raises:
        OSError: The system refuses; it names the file, and the old content is still there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            with suppress(OSError):  # what went wrong before is what matters
                temporary.unlink(missing_ok=True)
        flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Make the names in a folder survive a crash of the machine, where its file system can do that."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FLUSH:
            raise
    finally:
        os.close(descriptor)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put a path into errors of the system that name none, such as those about an open file."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise
