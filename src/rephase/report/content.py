"""What a report says, gathered from records alone: no picture, no markup, nothing measured again.

A phase may be incomplete or hold a record that cannot be read; the report is made all the same and says what is
missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import asdict, evolve, field, frozen

from rephase.errors import InvalidRecord
from rephase.judging import Breach, Decision, PhaseVerdict
from rephase.judging.ablating import Ablation, ablation_of
from rephase.judging.auditing import Finding, audit
from rephase.judging.tables import titles
from rephase.manifest import Phase, Run
from rephase.manifest.outcomes import RecordedOutcomes, read_outcomes
from rephase.manifest.record import Record
from rephase.manifest.shipped import about
from rephase.report.answers import answer_of
from rephase.report.sections import PluginSections, plugin_sections
from rephase.reproduction.checking import check_phase, recorded_outcomes
from rephase.reproduction.storing import Store

__all__ = ["Fact", "Missing", "Report", "gather"]

_HEADLINES = {
    Decision.EXACT: "{phase} came back bit for bit.",
    Decision.PASS: "{phase} came back.",
    Decision.FAIL: "{phase} did not come back.",
    Decision.INCONCLUSIVE: "Whether {phase} came back is open.",
    Decision.INVALID: "{phase} cannot be judged as it is.",
    Decision.NOTHING: "{phase} has nothing to judge yet.",
}


@frozen(kw_only=True)
class Missing:
    """A declared run without a readable record.

    Args:
        run: The run.
        state: Its state, such as ``QUEUED``; ``not begun`` where nobody asked for it.
        reason: Why, where it is known.
    """

    run: Run
    state: str
    reason: str


@frozen(kw_only=True)
class Fact:
    """Something the records say about where they come from.

    Args:
        name: What it is, as a dotted path.
        values: Every value there is with the number of records that say so, most frequent first.
    """

    name: str
    values: tuple[tuple[str, int], ...]


@frozen(kw_only=True, eq=False)
class Report:
    """Everything a report says.

    Args:
        phase: The phase.
        verdict: How it was judged.
        records: Readable records, in the phase's order, extension last.
        recorded: What it was judged against.
        missing: Declared runs without a readable record.
        findings: What an audit of the recorded outcomes finds, those that need attention first.
        facts: Where the records come from.
        ablation: What switching each known defect alone shows; None where the phase is no ablation.
        rehearsal: Whether the runs are a rehearsal, which is no result.
        plugins: What plugins have to say.
    """

    phase: Phase
    verdict: PhaseVerdict
    records: tuple[Record, ...]
    recorded: RecordedOutcomes
    missing: tuple[Missing, ...]
    findings: tuple[Finding, ...]
    facts: tuple[Fact, ...]
    ablation: Ablation | None = None
    rehearsal: bool = False
    plugins: PluginSections = field(factory=PluginSections)

    @property
    def names(self) -> Mapping[str, str]:
        """What to call each configuration."""
        return titles(self.phase)

    @property
    def name(self) -> str:
        """Phase and scale in words."""
        return f"{self.phase.manifest.phase} at the {self.phase.manifest.scale} scale"

    @property
    def about(self) -> str:
        """What this scale is, or is not."""
        return about(self.phase)

    @property
    def headline(self) -> str:
        """The verdict in words, one sentence."""
        if self.rehearsal:
            return f"{self.name} walked its whole path once; nothing was judged."
        if self.missing and not self.records:
            return f"{self.name} has not been run."
        if self.missing:
            total = len(self.phase.runs())
            return f"{self.name} is not complete: {total - len(self.missing)} of {total} runs are there."
        return _HEADLINES[self.verdict.decision].format(phase=self.name)

    @property
    def answer(self) -> str:
        """What the reproduced runs answer to the phase's question, in one sentence."""
        if self.rehearsal:
            return "A rehearsal: it answers nothing."
        return answer_of(self.phase, self.records)

    @property
    def rerun(self) -> tuple[str, ...]:
        """Commands that make this again, in order."""
        phase, scale = self.phase.manifest.phase, self.phase.manifest.scale
        commands = [f"rephase run {phase} --scale {scale}", f"rephase check {phase} --scale {scale}"]
        if any(one.pending or one.repo for one in self.phase.manifest.inputs.values()):
            commands.insert(0, f"rephase fetch {phase} --scale {scale}")
        return (*commands, f"rephase report {phase} --scale {scale}")

    def to_json(self) -> dict[str, Any]:
        """Return everything the page says as JSON values."""
        manifest = self.phase.manifest
        return {
            "phase": manifest.phase,
            "scale": str(manifest.scale),
            "title": manifest.title,
            "question": manifest.question,
            "about": self.about,
            "answer": self.answer,
            "headline": self.headline,
            "manifest_digest": self.phase.digest,
            "verdict": self.verdict.to_json(),
            "runs": [_run_json(record) for record in self.records],
            "missing": [{"run": one.run.label, "state": one.state, "reason": one.reason} for one in self.missing],
            "ablation": self.ablation.to_json() if self.ablation else None,
            "findings": [finding.to_json() for finding in self.findings],
            "sections": {name: asdict(section) for name, section in self.plugins.sections},
            "section_notes": list(self.plugins.notes),
            "provenance": {fact.name: dict(fact.values) for fact in self.facts},
            "rerun": list(self.rerun),
        }


def gather(store: Store, sections: Sequence[str] = (), *, rehearsal: bool = False) -> Report:
    """Gather what a report says from a phase's folders.

    Args:
        store: The folders.
        sections: Names of sections to add of plugins that the phase does not pin.
        rehearsal: Whether the runs are a rehearsal, of which integrity alone is looked at.

    Returns:
        The report.

    Raises:
        UnknownName: Nobody offers a section of such a name.
        ManifestError: There are no recorded outcomes to compare with, or they cannot be read.
    """
    phase = store.phase
    recorded = recorded_outcomes(phase)
    declared = set(phase.runs())
    records: list[Record] = []
    missing: list[Missing] = []
    breaches: list[Breach] = []
    for run in phase.runs(extended=True):
        try:
            record = store.record(run)
        except InvalidRecord as error:
            breaches.append(Breach(rule="record", where=run.label, problem=error.problem, remedy=error.remedy))
            missing.append(Missing(run=run, state="unreadable", reason=error.problem))
            continue
        if record is not None:
            records.append(record)
        elif run in declared:
            missing.append(_missing(store, run))
    verdict = check_phase(store, records, recorded, rehearsal=rehearsal)
    if breaches:
        reason = f"{breaches[0]}"
        verdict = evolve(
            verdict, decision=Decision.INVALID, reason=reason, breaches=(*breaches, *verdict.breaches), extension=None
        )
    return Report(
        phase=phase,
        verdict=verdict,
        records=tuple(records),
        recorded=recorded,
        missing=tuple(missing),
        findings=audit(*_audited(phase, recorded)),
        facts=_facts(records),
        ablation=None if rehearsal else ablation_of(phase, records),
        rehearsal=rehearsal,
        plugins=plugin_sections(phase, records, verdict, sections),
    )


def _missing(store: Store, run: Run) -> Missing:
    try:
        state = store.state_of(run)
    except InvalidRecord as error:
        return Missing(run=run, state="unreadable", reason=error.problem)
    return (
        Missing(run=run, state=str(state.state), reason=state.reason)
        if state
        else Missing(run=run, state="not begun", reason="")
    )


def _audited(phase: Phase, recorded: RecordedOutcomes) -> list[RecordedOutcomes]:
    """What the phase is judged against, and what the log recorded for it where that is another file."""
    logged = phase.file.parent / "logged.recorded.json"
    if recorded.scale == "logged" or not logged.is_file():
        return [recorded]
    return [recorded, read_outcomes(logged)]


def _run_json(record: Record) -> dict[str, Any]:
    return {
        "config": record.config,
        "task": record.task,
        "seed": record.seed,
        "reward": record.reward,
        "plan_reward": record.plan_reward,
        "episode_returns": list(record.episode_returns),
        "plan_episode_returns": list(record.plan_episode_returns),
        "curve": [{"epoch": point.epoch, "reward": point.reward} for point in record.curve],
        "epochs": record.epochs,
        "attempt": record.attempt,
        "resumed": record.resumed,
        "wall_seconds": record.wall_seconds,
    }


def _facts(records: Sequence[Record]) -> tuple[Fact, ...]:
    counts: dict[str, Counter[str]] = {}
    for record in records:
        said = {
            "manifest": record.manifest_digest,
            f"config {record.config}": record.config_digest,
            **{f"input {name}": digest for name, digest in record.inputs.items()},
            "resumed": "yes" if record.resumed else "no",
            **_flat(record.provenance),
        }
        for name, value in said.items():
            counts.setdefault(name, Counter())[value] += 1
    order = sorted(counts, key=lambda name: (not name.startswith(("manifest", "config", "input")), name))
    return tuple(Fact(name=name, values=tuple(counts[name].most_common())) for name in order)


def _flat(tree: Mapping[str, Any], path: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in tree.items():
        name = f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping):
            found |= _flat(value, name)
        elif value not in (None, "", (), []):
            found[name] = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return found
