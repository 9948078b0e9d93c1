"""Speed and memory of policy extraction, stacked and plain, in one process.

    python -m benchmarks.policy_extraction --size embedded --config baseline --runs 9 --threads 2 --json

Both sides compute the same updates from the same draws; the comparison is of programs, not of mathematics.
"""
