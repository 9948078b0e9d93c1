"""The edge to the Hugging Face hub: what a file there is, and getting it. Judges nothing.

huggingface_hub is imported only when a file is asked for. It keeps a cache of its own, resumes what was interrupted,
and serves what it holds when the hub cannot be reached.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Protocol

from attrs import frozen

from rephase.errors import CannotRunHere, RephaseError

__all__ = ["Hub", "HubFile", "HubUnreachable", "HuggingFaceHub"]

_SHA256 = re.compile(r"[0-9a-f]{64}")


class HubUnreachable(CannotRunHere):
    """The hub gave no answer; what was fetched earlier may still serve (exit code 3)."""


@frozen
class HubFile:
    """What the hub says about a file.

    Args:
        revision: Full commit of the repository.
        sha256: Digest of the content, ``sha256:`` and 64 hex digits; empty where the hub knows none.
        size: Bytes; 0 where the hub does not say.
    """

    revision: str
    sha256: str
    size: int


class Hub(Protocol):
    """A place that serves files by repository, revision and name."""

    def describe(self, repo: str, repo_type: str, filename: str, revision: str) -> HubFile:
        """Say what the file is.

        Raises:
            HubUnreachable: When there is no answer.
            CannotRunHere: When there is no such file, or it may not be had.
        """
        ...

    def get(self, repo: str, repo_type: str, filename: str, revision: str, offline: bool) -> Path:
        """Return a local copy of the file, fetched unless it is there already.

        Args:
            repo: Repository.
            repo_type: ``model`` or ``dataset``.
            filename: File within it.
            revision: Full commit.
            offline: Whether only what was fetched earlier may serve.

        Raises:
            HubUnreachable: When it is not there and cannot be fetched now.
            CannotRunHere: When there is no such file, or it may not be had.
        """
        ...


class HuggingFaceHub:
    """The hub through huggingface_hub.

    Args:
        endpoint: Address of the hub; None for the library's own choice, which obeys its environment variables.
        cache: Folder of the cache; None for the library's own choice.
    """

    def __init__(self, endpoint: str | None = None, cache: Path | None = None) -> None:
        self._endpoint = endpoint
        self._cache = cache

    def describe(self, repo: str, repo_type: str, filename: str, revision: str) -> HubFile:
        """Ask for the file's metadata; see `Hub`."""
        library = _library()
        try:
            url = library.hf_hub_url(repo, filename, repo_type=repo_type, revision=revision, endpoint=self._endpoint)
            found = library.get_hf_file_metadata(url, endpoint=self._endpoint)
        except Exception as error:
            raise _explained(error, repo, filename, revision) from error
        tag = found.etag or ""
        # Large files are tagged with the sha256 of their content, small ones with a git hash, which proves nothing.
        sha256 = f"sha256:{tag}" if _SHA256.fullmatch(tag) else ""
        return HubFile(revision=found.commit_hash or "", sha256=sha256, size=found.size or 0)

    def get(self, repo: str, repo_type: str, filename: str, revision: str, offline: bool) -> Path:
        """Get the file into the cache; see `Hub`."""
        library = _library()
        try:
            path = library.hf_hub_download(
                repo,
                filename,
                repo_type=repo_type,
                revision=revision,
                cache_dir=self._cache,
                endpoint=self._endpoint,
                local_files_only=offline,
            )
        except Exception as error:
            raise _explained(error, repo, filename, revision) from error
        return Path(path)


def _library() -> Any:
    try:
        import huggingface_hub
    except ModuleNotFoundError as error:
        raise CannotRunHere(
            "fetching needs huggingface_hub, which is not installed",
            remedy="pip install 'rephase[hub]', or give the file with --from FILE",
        ) from error
    return huggingface_hub


def _explained(error: Exception, repo: str, filename: str, revision: str) -> RephaseError | Exception:
    """Our error for one of the library's; the error itself when it is about something else, such as our own bug."""
    from huggingface_hub import errors

    where = f"{repo}, file {filename}, revision {revision}"
    by_hand = "get the file on another machine and give it with --from FILE"
    # Subclasses first: a file that is not in the cache is also "no such entry" to the library.
    unreachable: tuple[type[Exception], ...] = (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled)
    absent = (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.EntryNotFoundError)
    if isinstance(error, unreachable):
        return HubUnreachable("the hub cannot be reached, and the cache does not hold it", where=where, remedy=by_hand)
    if isinstance(error, errors.GatedRepoError):
        return CannotRunHere("the hub wants a login for it", where=where, remedy="'hf auth login' gives one")
    if isinstance(error, absent):
        return CannotRunHere("the hub has no such file", where=where, remedy=f"check the manifest, or {by_hand}")
    transport = getattr(errors, "HTTPError", OSError)
    if isinstance(error, (OSError, transport)):
        return HubUnreachable(f"the hub cannot be reached ({_first_line(error)})", where=where, remedy=by_hand)
    return error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
