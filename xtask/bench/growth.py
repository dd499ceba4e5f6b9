#!/usr/bin/env python3
"""growth.py CRITERION_DIR: how each benchmark grows with its input, as the text of page/growth.md on standard output."""
import collections
import glob
import json
import os
import sys

from figures import table

HEAD = """## How it grows

`cargo xtask bench growth` runs the criterion benches and writes this table. `each` is the time for one byte or one element at the
size of that line; `to the first` compares it with the smallest size: 1 is linear, and what costs the same for every size falls
below 1.
"""


def shown(nanoseconds):
    for unit, factor in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= factor:
            return f"{nanoseconds / factor:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def main():
    groups = collections.defaultdict(list)
    for path in glob.glob(os.path.join(sys.argv[1], "*/*/new/benchmark.json")):
        with open(path) as file:
            benchmark = json.load(file)
        with open(os.path.join(os.path.dirname(path), "estimates.json")) as file:
            estimate = json.load(file)["median"]["point_estimate"]
        unit, size = next(iter(benchmark["throughput"].items()))
        groups[benchmark["group_id"]].append((size, unit, estimate))
    lines = []
    for group, sizes in sorted(groups.items()):
        sizes.sort()
        first = sizes[0][2] / sizes[0][0]
        for size, unit, time in sizes:
            many = f"{size >> 20} MiB" if unit == "Bytes" else f"{size:,}"
            lines.append([group, many, shown(time), shown(time / size), f"{time / size / first:.2f}"])
    print(HEAD)
    print(table(["what", "size", "time", "each", "to the first"], lines))


main()
