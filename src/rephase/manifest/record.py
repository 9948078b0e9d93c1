"""What one run measured, with everything needed to say where it came from.

A record is written once, by machine, as JSON with sorted keys, and carries the digest of its own content, so that a
later change of a single figure is seen. Nothing is judged here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cached_property
from itertools import compress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from attrs import field, frozen

from rephase.errors import InvalidRecord, ManifestError
from rephase.manifest.hashing import bytes_digest, digest_of, digest_of_json, plain, text_of_json
from rephase.manifest.outcomes import Digest, Evaluated, Outcome
from rephase.manifest.phase import Run
from rephase.manifest.reading import structure

__all__ = ["RECORD_SCHEMA", "CurvePoint", "Record", "format_record", "read_record"]

RECORD_SCHEMA = 1
"""Version of the record's shape that this code reads and writes."""

_COLUMN = re.compile(r'"([^"\\]+)":(\[[^]"]*\])')


def _read_only(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(mapping))


@frozen(kw_only=True)
class CurvePoint:
    """One evaluation on the way, or the last one.

    Args:
        epoch: Updates done.
        reward: Mean return of the episodes, points.
        episode_returns: Return of each episode.
        predicted_return: Return the world model predicts for the same policy; None where nobody asked it.
    """

    epoch: int
    reward: float
    episode_returns: tuple[float, ...]
    predicted_return: float | None = None


@frozen(kw_only=True)
class Record:
    """What one run measured.

    Args:
        schema: Version of the record's shape.
        phase: Name of the phase.
        scale: Scale it was run at.
        config: Name of the config in the phase.
        task: Name of the task.
        seed: Seed of the run.
        manifest_digest: Digest of the phase's manifest.
        config_digest: Digest of ``resolved``.
        resolved: Everything that fixed what was computed, as plain values.
        inputs: Digest of each input file as it was when it was read.
        reward: Mean return of the evaluation, points.
        plan_reward: Mean return of the second evaluation; None where there was none.
        episode_returns: Return of every episode of the evaluation.
        plan_episode_returns: The same of the second evaluation.
        curve: Evaluations during training, the last one included.
        metrics: Columns of training metrics by name, with the column ``epoch`` they belong to.
        epochs: Epochs trained.
        policy_file: File beside the record that holds the policy's parameters.
        policy_sha256: Its digest.
        world_model_file: File beside the record with the run's own world model; empty where it was frozen.
        world_model_sha256: Its digest.
        grouped_with: Labels of the runs it was trained with as one program, itself included.
        attempt: Which attempt this was, from 1.
        resumed: Whether it went on from a checkpoint of an earlier attempt.
        wall_seconds: Time spent training and evaluating over all attempts, shared by the runs trained together.
        provenance: Code, plugins, machine and job, as plain values; ``update_seconds`` is the processor time of one
            update, of those of the runs trained together an equal share.
    """

    schema: int = RECORD_SCHEMA
    phase: str
    scale: str
    config: str
    task: str
    seed: int
    manifest_digest: str
    config_digest: str
    resolved: Mapping[str, Any] = field(converter=_read_only)
    inputs: Mapping[str, str] = field(converter=_read_only)
    reward: float
    plan_reward: float | None = None
    episode_returns: tuple[float, ...]
    plan_episode_returns: tuple[float, ...] = ()
    curve: tuple[CurvePoint, ...] = ()
    metrics: Mapping[str, tuple[float, ...]] = field(factory=dict, converter=_read_only)
    epochs: int
    policy_file: str = ""
    policy_sha256: str = ""
    world_model_file: str = ""
    world_model_sha256: str = ""
    grouped_with: tuple[str, ...] = ()
    attempt: int = 1
    resumed: bool = False
    wall_seconds: float = 0.0
    provenance: Mapping[str, Any] = field(factory=dict, converter=_read_only)

    @property
    def run(self) -> Run:
        """The run it is about."""
        return Run(self.config, self.task, self.seed)

    @cached_property
    def digest(self) -> str:
        """Digest of everything it says; of a record that was read, the one in its file, which was compared."""
        return digest_of(self)

    @cached_property
    def _columns(self) -> dict[str, str]:
        """JSON of each column of the metrics by name; of a record that was read, out of its file."""
        return {name: text_of_json(column) for name, column in sorted(self.metrics.items())}

    @cached_property
    def outcome(self) -> Outcome:
        """The part a verdict looks at."""
        machine = self.provenance.get("machine", {})
        gpu = machine.get("gpu") or {}
        return Outcome(
            config=self.config,
            task=self.task,
            seed=self.seed,
            reward=self.reward,
            plan_reward=self.plan_reward,
            episode_returns=self.episode_returns,
            plan_episode_returns=self.plan_episode_returns,
            job=str(self.provenance.get("job", "")),
            hardware=str(gpu.get("name") or machine.get("cpu", "")),
            epochs=self.epochs,
            config_digest=self.config_digest,
            digests=self.digests,
            curve=tuple(Evaluated(step=one.epoch, reward=one.reward) for one in self.curve if len(self.curve) > 1),
            predicted_return=self.curve[-1].predicted_return if self.curve else None,
            update_seconds=self.provenance.get("update_seconds"),
        )

    @property
    def digests(self) -> tuple[Digest, ...]:
        """What the run was on its way, to the bit: at each evaluation its returns and all training before it."""
        epochs = self.metrics.get("epoch", ())
        # Every point digests all rows before it, so each number is written once and not once a point.
        columns = {name: text[1:-1].split(",") for name, text in self._columns.items()}
        found = []
        for point in self.curve:
            rows = [epoch <= point.epoch for epoch in epochs]
            trained = {name: f"[{','.join(compress(written, rows))}]" for name, written in columns.items()}
            digest = bytes_digest(_object(trained).encode("ascii"))
            found.append(Digest(step=point.epoch, quantity="evaluation", digest=digest_of(point.episode_returns)))
            found.append(Digest(step=point.epoch, quantity="training", digest=digest))
        if self.policy_sha256:
            found.append(Digest(step=self.epochs, quantity="policy", digest=self.policy_sha256))
        if self.world_model_sha256:
            found.append(Digest(step=self.epochs, quantity="world model", digest=self.world_model_sha256))
        return tuple(found)


def format_record(record: Record) -> str:
    """Return a record's file: JSON with sorted keys, a line each, its own digest included.

    Raises:
        ValueError: A number is not finite, which JSON cannot say.
    """
    content = {**plain(record), "digest": record.digest}
    return "{" + ",\n".join(f"{text_of_json(name)}:{text_of_json(content[name])}" for name in sorted(content)) + "}\n"


def read_record(path: Path) -> Record:
    """Read a record.

    Args:
        path: The file.

    Returns:
        What it says.

    Raises:
        InvalidRecord: It is missing, not one this version wrote, or was changed after it was written.
    """
    remedy = "move its folder away and run it again"
    try:
        text = path.read_text(encoding="utf-8")
        content, written, columns = _as_written(text) or (json.loads(text), None, {})
    except FileNotFoundError as error:
        raise InvalidRecord(f"cannot be read ({error.strerror})", where=str(path), remedy=remedy) from error
    except (ValueError, RecursionError) as error:
        raise InvalidRecord(f"is not JSON ({error})", where=str(path), remedy=remedy) from error
    if not isinstance(content, dict):
        raise InvalidRecord("is not a record", where=str(path), remedy=remedy)
    if content.get("schema") != RECORD_SCHEMA:
        problem = f"has schema {content.get('schema')!r}, this version reads schema {RECORD_SCHEMA}"
        raise InvalidRecord(problem, where=str(path), remedy="read it with the version of rephase that wrote it")
    if written is None:
        written = content.pop("digest", None)
        try:
            found = digest_of_json(content)
        except RecursionError as error:
            raise InvalidRecord("is nested more deeply than any record", where=str(path), remedy=remedy) from error
        except ValueError as error:
            raise InvalidRecord("has a number that is not finite", where=str(path), remedy=remedy) from error
        if found != written:
            raise InvalidRecord("was changed after it was written", where=str(path), remedy=remedy)
    try:
        record = structure(content, Record, str(path))
    except ManifestError as error:
        raise InvalidRecord(f"is not a record: {error.problems[0]}", where=str(path), remedy=remedy) from error
    object.__setattr__(record, "digest", written)  # fills a cached property: nobody needs to compute it again
    if columns.keys() == record.metrics.keys():
        object.__setattr__(record, "_columns", columns)
    return record


def _as_written(text: str) -> tuple[Any, str, dict[str, str]] | None:
    """Content, digest and columns of a record whose text is as `format_record` lays it out; None of any other.

    Without line ends and the digest it is the text that the digest was made of, so no number has to be turned into
    text again, which took a third of the time of reading. What is parsed is the very text that fits the digest.
    """
    before, mark, after = text.partition('\n"digest":"')
    digest, _, rest = after.partition('",')
    bare = (before + rest).replace("\n", "")
    if not mark or bytes_digest(bare.encode()) != digest:
        return None
    columns = _COLUMN.findall(bare.partition('"metrics":{')[2].partition("}")[0])
    return json.loads(bare), digest, dict(columns)


def _object(texts: Mapping[str, str]) -> str:
    return "{" + ",".join([f"{text_of_json(name)}:{texts[name]}" for name in sorted(texts)]) + "}"
