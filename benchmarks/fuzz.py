"""Runs the commands on files that are damaged by chance, as many as it is asked for.

`python benchmarks/fuzz.py [CASES] [FIRST]` runs so many cases (100,000) of scenes, records, ledgers and other tools'
annotations, on all cores, from number FIRST (0) on. One JSON line a kind: exit codes, the slowest case and its CPU
seconds, the memory of the process that took most; then the cases that went wrong. Exit 1 if there is one: a code beside
0 to 3, over 2 s, or over 500 MiB.
"""

from __future__ import annotations

import collections
import json
import multiprocessing
import os
import resource
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fuzzing import KINDS, Case, Result, emptied

MOST_SECONDS, MOST_MEBIBYTES = 2.0, 500
TOGETHER = 250  # cases that a process is given at once


def run_some(given: tuple[str, int, int]) -> tuple[list[Result], int]:
    """The results of some cases, and the most memory that this process has taken so far, in MiB."""
    kind, first, count = given
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        cases = Path(folder, "cases")
        cases.mkdir()
        results = [Case(kind, number).run(emptied(cases)) for number in range(first, first + count)]
    return results, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main(cases: int = 100_000, first: int = 0) -> int:
    ill: list[Result] = []
    most = 0
    each = cases // len(KINDS)
    with multiprocessing.get_context("spawn").Pool() as pool:
        for kind in KINDS:
            codes: collections.Counter[str] = collections.Counter()
            slowest = None
            parts = [(kind, first + start, min(TOGETHER, each - start)) for start in range(0, each, TOGETHER)]
            for results, mebibytes in pool.imap_unordered(run_some, parts):
                most = max(most, mebibytes)
                for result in results:
                    codes[" ".join(map(str, result.codes))] += 1
                    slowest = max(slowest or result, result, key=lambda one: one.seconds)
                    if not result.is_well or result.seconds > MOST_SECONDS:
                        ill.append(result)
            assert slowest is not None
            told = {"benchmark": "fuzz", "kind": kind, "cases": each, "codes": dict(codes)}
            told |= {"slowest_s": round(slowest.seconds, 3), "slowest": slowest.case.number, "mebibytes": most}
            print(json.dumps(told), flush=True)
    for result in ill:
        print(json.dumps({"ill": result.case.kind, "number": result.case.number, "said": result.said[-500:]}))
    return int(bool(ill) or most > MOST_MEBIBYTES)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
