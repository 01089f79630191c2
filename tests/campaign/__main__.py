"""python -m campaign FOLDER --seed N --cases 2000 | 17 | 3,8,40-50: runs the cases, prints a table,
and how to run again what failed.

A case is made from its seed and number alone.  A single number after --cases counts cases; with a
comma or a dash it names them.  The folders of cases that failed are kept."""
import argparse
import os
import random
import shlex
import shutil
import signal
import sys
import time
from collections import Counter
from pathlib import Path

os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from campaign import cases, lab  # noqa: E402


def numbers(text):
    if text.isdigit():
        return range(int(text))
    found = []
    for part in text.strip(",").split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--cases", default="2000")
    parser.add_argument("--kinds", default="", help="only cases of these kinds, separated by commas")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds after which a run hangs")
    asked = parser.parse_args()
    shutil.rmtree(asked.folder, ignore_errors=True)
    bench = lab.Lab(Path(asked.folder), asked.timeout)
    table, failed, start = Counter(), [], time.time()
    for code in (signal.SIGINT, signal.SIGTERM):
        signal.signal(code, stop)
    try:
        for number in numbers(asked.cases):
            rng = random.Random(f"{asked.seed}/{number}")
            kind, about, told, statuses = cases.run(bench, rng, number, asked.kinds.split(",") if asked.kinds else None)
            if kind is None:
                continue
            for status in statuses:
                table[kind, status] += 1
            table[kind, "cases"] += 1
            if told:
                table[kind, "failed"] += 1
                failed.append((number, kind, about, told))
                print(f"FAILED {number} {kind} {about}: {'; '.join(told)}", flush=True)
    except Stop:
        print(f"stopped before case {number}")
    report(asked, table, failed, time.time() - start)
    return 1 if failed else 0


class Stop(Exception):
    pass


def stop(code, frame):
    raise Stop


def report(asked, table, failed, seconds):
    columns = ["cases", "failed"] + sorted({column for _, column in table if column not in ("cases", "failed")},
                                           key=lambda s: (not isinstance(s, int), str(s)))
    print(f"\nseed {asked.seed}, {seconds:.0f} s; runs that ended with each status:")
    print(f"{'kind':<12}" + "".join(f"{str(c):>9}" for c in columns))
    for kind in sorted({kind for kind, _ in table}):
        print(f"{kind:<12}" + "".join(f"{table[kind, c] or '':>9}" for c in columns))
    for number, kind, about, told in failed:
        print(f"\n{kind} {number}: {about}\n  {'; '.join(told)}\n  again: make campaign "
              f"CAMPAIGN_SEED={shlex.quote(asked.seed)} CAMPAIGN_CASES={number},")
    print(f"\n{len(failed)} of {sum(n for (_, c), n in table.items() if c == 'cases')} cases failed")


sys.exit(main())
