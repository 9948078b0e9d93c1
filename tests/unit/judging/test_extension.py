from rephase.judging import extension_of

RUNS = [("a", task, seed) for task in ("one", "two") for seed in (42, 123, 456)]


def test_the_usual_seeds_bring_every_cell_to_six():
    extension = extension_of(RUNS)
    assert extension.seeds == (789, 1011, 1213)
    assert extension.runs == tuple(("a", task, seed) for task in ("one", "two") for seed in (789, 1011, 1213))


def test_the_manifests_own_seeds_are_all_taken():
    assert extension_of(RUNS, (7, 8)).seeds == (7, 8)
    assert extension_of(RUNS, ()).runs == ()


def test_a_seed_that_is_declared_already_is_not_fresh():
    assert extension_of([*RUNS, ("a", "one", 789)]).runs == (
        ("a", "one", 1011),
        ("a", "one", 1213),
        ("a", "two", 1011),
        ("a", "two", 1213),
        ("a", "two", 1415),
    )


def test_six_seeds_and_nothing_at_all_need_no_more():
    assert extension_of([("a", "one", seed) for seed in range(6)]).runs == ()
    assert extension_of([]).runs == ()
