"""A verdict in words has the figures of its JSON."""

import json

from fakes.judged import judge, rows
from hypothesis import strategies as st

from rephase.judging import verdict_text


def test_the_text_and_the_json_carry_the_same_figures():
    verdict = judge(rows(change=lambda value: 0.97 * value))
    tree, text = verdict.to_json(), verdict_text(verdict)
    json.dumps(tree, allow_nan=False)
    assert tree["decision"] == str(verdict.decision)
    assert max(map(len, text.splitlines())) <= 80
    joined = " ".join(text.split())
    for cell in tree["cells"]:
        assert f"{cell['reproduced_mean']:.1f} ± {cell['reproduced_sd']:.1f}" in text
        assert f"{cell['upper']:.1f}" in text
        assert cell["decision"] == "PASS" or cell["reason"] in joined
    for claim in tree["claims"]:
        assert claim["reason"] in joined
    assert tree["reason"] in joined


value = st.floats(0, 1000, allow_nan=False)
