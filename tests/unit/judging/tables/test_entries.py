"""Rows become entries: metrics in rows, seeds in columns, statistics in or beside a cell."""

from rephase.judging.tables import entries_of, read_tables


def read(text, name="log.md"):
    """Entries of all tables and every remark, of lines and of tables."""
    reading = read_tables(text if isinstance(text, bytes) else text.encode(), name)
    found = [entries_of(table) for table in reading.tables]
    remarks = [*reading.remarks, *(remark for one in found for remark in one.remarks)]
    return [entry for one in found for entry in one.entries], remarks


def test_metrics_in_rows_and_seeds_in_columns_are_read():
    long = "method,task,seed,metric,value\na,t,1,reward,5\na,t,1,plan reward,6\na,t,1,loss_curve,7\n"
    entries, remarks = read(long, "runs.csv")
    assert [(one.figure.value, one.second) for one in entries] == [(5.0, 6.0)]
    assert [(remark.lines, remark.is_loss) for remark in remarks] == [((4,), False)]
    entries, _ = read("method,task,seed 1,seed 2\na,t,5,6\n", "runs.csv")
    assert [(one.seed, one.figure.value) for one in entries] == [(1, 5.0), (2, 6.0)]


def test_statistics_stand_in_the_cell_or_beside_it():
    beside = "method,task,mean,std,n\na,t,5,1.5,3\n"
    wide = "| Task | a | b |\n|---|---|---|\n| t | 5.0 ± 1.5 (n=3) | 6.0 ± 0.5 |\n"
    tall = "| Method | t | u |\n|---|---|---|\n| a | 5.0 ± 1.5 (n=3) | 6 ± 2 |\n"
    assert [(e.method, e.task, e.figure.spread, e.figure.count) for e in read(beside, "x.csv")[0]] == [
        ("a", "t", 1.5, 3)
    ]
    assert [(e.method, e.task, e.figure.spread, e.figure.count) for e in read(wide)[0]] == [
        ("a", "t", 1.5, 3),
        ("b", "t", 0.5, None),
    ]
    assert [(e.method, e.task, e.figure.spread) for e in read(tall)[0]] == [("a", "t", 1.5), ("a", "u", 2.0)]
