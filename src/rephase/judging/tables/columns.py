"""What the columns of a table are: their usual names, names that were given, columns a seed and columns a statistic."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache

from attrs import field, frozen

__all__ = ["USUAL", "Columns", "columns_of", "key_of", "nearest", "word_of"]

USUAL: Mapping[str, tuple[str, ...]] = {
    "method": (
        *("config", "configuration", "method", "variation", "variant", "algorithm", "algo", "algorithm name"),
        *("approach", "agent", "model", "policy", "setting", "arm", "condition", "exp name", "experiment", "group"),
    ),
    "task": ("task", "env", "environment", "task name", "env name", "env id", "task id", "game", "domain", "benchmark"),
    "seed": (
        "seed",
        "random seed",
        "rng seed",
        "seed id",
        "trial",
        "replicate",
        "run seed",
        "run",
        "run id",
        "rep",
        "repeat",
    ),
    "second": ("plan reward", "planning reward", "plan", "plan return", "second evaluation"),
    "value": (
        *("reward", "return", "score", "episode reward", "episode return", "eval reward", "eval return"),
        *("evaluation reward", "evaluation return", "final reward", "final return", "final score", "value"),
        *("episodic return", "episodic reward", "mean reward", "mean return", "average reward", "average return"),
        *("avg reward", "avg return", "test reward", "test return", "eval episode reward", "eval episode return"),
        *("total reward", "reward mean", "return mean", "mean", "normalized score", "success", "success rate"),
        *("eval success", "accuracy", "performance", "loss"),
    ),
    "spread": ("std", "sd", "std dev", "stdev", "standard deviation", "spread", "reward std", "return std", "\u00b1"),
    "error": ("se", "sem", "std err", "stderr", "standard error", "std error"),
    "count": ("n", "seeds", "n seeds", "num seeds", "number of seeds", "runs", "count", "n runs"),
    "step": ("step", "steps", "env step", "env steps", "global step", "timestep", "timesteps", "total steps", "frame"),
    "job": ("job", "job id", "jobid", "array job", "slurm job", "job name", "array job id"),
    "array": ("array", "indices", "array range", "array index", "index", "tasks array", "array task"),
    "status": ("status", "state"),
    "hardware": ("hardware", "gpu", "device", "accelerator", "gpu type"),
    "winner": ("winner", "better", "result", "verdict", "best"),
    "metric": ("metric", "measure", "quantity"),
    "epochs": ("epochs",),
    "run": ("run name",),
    "cost": (
        "hours",
        "gpu hours",
        "train hours",
        "minutes",
        "seconds",
        "wall seconds",
        "runtime",
        "run time",
        "duration",
    ),
}
"""Usual names of each column, in the order in which they are preferred where a table has several."""

_LONGEST = 200
"""Letters of a heading that are looked at."""

_SEED = re.compile(r"(?:seed|s|run|trial)[\s_#=:-]*(\d{1,9})", re.IGNORECASE)


@frozen(kw_only=True)
class Columns:
    """Which column of a table is what.

    Args:
        at: Index of each column that was recognised, by what it is: a key of `USUAL`.
        seeds: Index of each column that holds one seed, by the seed.
        others: Indices of the rest.
    """

    at: Mapping[str, int]
    seeds: Mapping[int, int] = field(factory=dict)
    others: tuple[int, ...] = ()

    def __contains__(self, kind: str) -> bool:
        return kind in self.at

    def cell(self, kind: str, cells: Sequence[str]) -> str:
        """Return the cell of a row in a column; empty where there is no such column."""
        index = self.at.get(kind)
        return cells[index] if index is not None and index < len(cells) else ""


def columns_of(heading: Sequence[str], named: Mapping[str, str] | None = None) -> Columns:
    """Recognise the columns of a heading.

    Args:
        heading: Its cells.
        named: Names given for columns, by what they are; one that is not in the heading recognises nothing.
    """
    words = [word_of(cell) for cell in heading]
    at: dict[str, int] = {}
    for kind, name in (named or {}).items():
        if name in heading:
            at[kind] = list(heading).index(name)
        elif word_of(name) in words:
            at[kind] = words.index(word_of(name))
    for kind, names in USUAL.items():
        if kind in at or kind in (named or {}):
            continue
        found = [_best(name, words, heading) for name in names if name in words]
        free = [index for index in found if index not in at.values()]
        if free:
            at[kind] = free[0]
    seeds = {} if "seed" in at else _seed_columns(heading, set(at.values()))
    taken = {*at.values(), *seeds.values()}
    return Columns(at=at, seeds=seeds, others=tuple(i for i in range(len(heading)) if i not in taken))


def word_of(cell: str) -> str:
    """Return a heading as it is compared: small letters, single blanks, no marks, path or what stands in brackets."""
    text = re.sub(r"[\[(].*?[\])]", " ", re.sub(r"[*`]", "", cell[:_LONGEST]))
    if re.fullmatch(r"[^\W\d][\w\-]*(?:[./][\w\-]+)+", text.strip()):
        text = re.split(r"[./]", text)[-1]
    return " ".join(re.sub(r"[\s_\-.:#]+", " ", text).split()).casefold()


@lru_cache(maxsize=4096)
def key_of(name: str) -> str:
    """Return a name as names are compared: letters and digits of any script, without case, blanks and marks."""
    text = unicodedata.normalize("NFKC", re.sub(r"[*`]", "", name)).casefold()
    kept = "".join(letter for letter in text if letter.isalnum() or unicodedata.category(letter) in ("Mn", "Mc"))
    return kept or text.strip()


def nearest(name: str, heading: Sequence[str]) -> list[str]:
    """Return the headings that are most like a name."""
    by_word = {word_of(cell): cell for cell in heading}
    return [by_word[word] for word in get_close_matches(word_of(name), by_word, n=3, cutoff=0.5)]


def _best(name: str, words: Sequence[str], heading: Sequence[str]) -> int:
    """The column of a name that several have, such as ``train/reward`` and ``eval/reward``: plain, or of evaluation."""
    found = [index for index, word in enumerate(words) if word == name]
    plain = [index for index in found if not re.search(r"[./]", heading[index])]
    evaluated = [index for index in found if re.search(r"eval|test|val", heading[index], re.IGNORECASE)]
    return (plain or evaluated or found)[0]


def _seed_columns(heading: Sequence[str], taken: set[int]) -> dict[int, int]:
    plain: dict[int, int] = {}
    named: dict[int, int] = {}
    for index, cell in enumerate(heading):
        word = re.sub(r"[*`]", "", cell).strip()
        if index in taken:
            continue
        if match := _SEED.fullmatch(word):
            named[int(match[1])] = index
        elif re.fullmatch(r"\d{1,9}", word):
            plain[int(word)] = index
    return named or (plain if len(plain) > 1 else {})
