from __future__ import annotations

import hashlib

import torch

from rephase.engine.seeding import stream, stream_seed


def test_seed_is_the_start_of_a_sha256_without_its_sign_bit():
    digest = hashlib.sha256(b"7/policy").hexdigest()
    assert stream_seed(7, "policy") == int(digest[:16], 16) // 2


def test_seed_is_pinned():
    # A change here changes every number ever drawn.
    assert stream_seed(0, "noise") == int(hashlib.sha256(b"0/noise").hexdigest()[:16], 16) >> 1
    assert 0 <= stream_seed(0, "noise") < 2**63


def test_streams_differ_by_seed_and_by_name():
    draws = {
        tuple(torch.rand(3, generator=stream(seed, name)).tolist()) for seed in range(3) for name in ("noise", "policy")
    }
    assert len(draws) == 6


def test_seed_one_with_a_longer_name_is_no_other_seed():
    assert stream_seed(1, "1/noise") != stream_seed(11, "noise")


def test_a_stream_repeats_and_leaves_the_global_one_alone():
    before = torch.get_rng_state()
    first = torch.rand(5, generator=stream(3, "batches"))
    again = torch.rand(5, generator=stream(3, "batches"))
    assert torch.equal(first, again)
    assert torch.equal(before, torch.get_rng_state())


def test_every_call_gives_a_generator_of_its_own():
    one, other = stream(3, "batches"), stream(3, "batches")
    torch.rand(5, generator=one)
    assert torch.equal(torch.rand(5, generator=other), torch.rand(5, generator=stream(3, "batches")))
