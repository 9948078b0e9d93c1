"""What a log says of its inputs and hardware, and what a reader of its outcomes does not find."""

from rephase.judging.auditing.findings import Standing
from rephase.judging.auditing.log_facts import audit_facts, is_offer
from rephase.judging.tables import read_tables
from rephase.manifest.outcomes import Outcome, RecordedOutcomes

OFFERS = "| Partition | GPU |\n|---|---|\n| ice | H100 / H200 |\n| other | A100 |\n"


def recorded(hardware=""):
    rows = [Outcome(config="a", task="t", seed=seed, reward=1.0, hardware=hardware) for seed in (1, 2)]
    return RecordedOutcomes(phase="phase3", scale="logged", source="log", outcomes=rows)


def audited(text, *records):
    return audit_facts(read_tables(text.encode(), "log.md"), records, "log.md")


def test_a_checkpoint_known_by_its_name_only_is_missing_its_digest():
    (finding,) = audited("trained from /data/mt30_48M.pt\n")
    assert (finding.check, finding.logged, finding.standing) == ("inputs", "mt30_48M.pt", Standing.MISSING)
    (finding,) = audited(f"trained from mt30_48M.pt, {'ab' * 32}\n")
    assert finding.standing is Standing.AGREES


def test_outcomes_that_do_not_say_which_hardware_they_are_of_are_named():
    (finding,) = audited(OFFERS, recorded())
    assert (finding.check, finding.standing) == ("hardware", Standing.MISSING)
    assert finding.logged == "ice: H100 or H200; other: A100"
    assert audited(OFFERS, recorded("H100")) == []


def test_one_kind_of_hardware_confounds_nothing():
    assert audited("| Partition | GPU |\n|---|---|\n| ice | H100 |\n", recorded()) == []


def test_a_table_of_places_is_told_from_others():
    places, other = (
        read_tables(text.encode(), "log.md").tables for text in (OFFERS, "| Task | GPU |\n|---|---|\n| a | b |\n")
    )
    assert is_offer(places[0])
    assert not is_offer(other[0])
