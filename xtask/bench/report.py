#!/usr/bin/env python3
"""report.py ROWS: what run.py measured, as the text of docs/performance.md on standard output.

Beside the numbers it says only what they show; versions and the machine's kind are asked here.
"""
import collections
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys

OURS, CARGO = "gantry", "gantry-cargo"
OPS = {
    "A": "publish into an empty repository, nothing cached",
    "B": "the same again, nothing changed",
    "C": "the arm64 program changed by eight bytes",
    "D": "an OCI layout on disk, nothing cached",
}
HEAD = """# Performance

Measured on {date} by `cargo xtask bench`, which writes this page. The machine: {machine}. {load}
Versions: {versions}.

## What is measured

One program for linux/amd64 and linux/arm64 becomes an image on `scratch` with gzip layers: ripgrep (5 MB), restic
(20 MB) and dockerd (80 MB), as Debian built them. The registry is docker-registry on loopback. Copying an image between
repositories and images on another image's base are no part of this.

{ops}

- `gantry`: `cargo gantry publish` (A, B, C) and `cargo gantry build -o oci:` (D) at default settings. The
  measured program lies in `files` of a project whose own one is trivial and was compiled before.
  cargo's part is therefore in the figures: reading the project, asking rustc, finding everything fresh.
- `gantry-cargo`: that part alone, the same project without the measured program (it still packs and sends the trivial one, 0.4
  MB). The last column of the first table subtracts it.
- `buildah`: one build of all platforms with COPY, one push of the list. `umoci-skopeo`: umoci packs, skopeo pushes.
  `skopeo`: only the push of a layout that was packed before, so its figures hold no packing. `crane`: append, mutate and
  index, platforms side by side.

Wall and CPU are medians, with the least and the most, of the timed runs ({reps}); the tools take turns. CPU is that of every
process of the tool. Ratios are to the tool of that row: below 1, cargo-gantry is faster. Compressors differ (gzip 6 here; skopeo
and buildah use Go's own), and so do the bytes sent.

## Time
"""


def median(rows, field):
    return statistics.median(row[field] for row in rows)


def spread(rows, field):
    values = [row[field] for row in rows]
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def peak(row):
    """The largest process, and which one; the rig's own shells are no part of a tool."""
    marks = {name: mark for name, mark in row["marks"].items() if name not in ("bash", "python3")}
    name = "cargo-gantry" if row["tool"].startswith(OURS) else max(marks, key=marks.get)
    return f"{marks[name] / 1024:.0f}"


def answer(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip().splitlines()[0]


def versions(tools):
    asked = {"cargo-gantry": (os.environ["GANTRY"], "--version"), "cargo": ("cargo", "--version")}
    for tool in ("buildah", "umoci", "skopeo", "crane"):
        if any(tool in name for name in tools):
            asked[tool] = (tool, "version" if tool == "crane" else "--version")
    asked["docker-registry"] = ("docker-registry", "--version")
    words = []
    for tool, command in asked.items():
        said = answer(*command) or "unknown"
        number = next((word for word in said.split() if word.lstrip("v")[:1].isdigit()), said)
        words.append(f"{tool} {number}")
    return ", ".join(words)


def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.machine())
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / 1024 / 1024
    return f"{platform.system()} on {os.cpu_count()} CPUs ({model}), {memory:.0f} GB of memory"


def load():
    busy = os.getloadavg()[2]
    if busy > 0.75 * os.cpu_count():
        return (
            f"Other work ran on it meanwhile (load {busy:.1f}): seconds are rough, ratios better, requests, bytes and "
            "memory exact."
        )
    return f"Little else ran on it (load {busy:.1f})."


def main():
    with open(sys.argv[1]) as file:
        rows = [json.loads(line) for line in file]
    timed, counted = collections.defaultdict(list), {}
    for row in rows:
        key = (row["size"], row["op"], row["tool"])
        if row["counted"]:
            counted[key] = row
        else:
            timed[key].append(row)
    tools = list(dict.fromkeys(row["tool"] for row in rows))
    sizes = sorted({size for size, _, _ in timed})
    runs_of = {size: min(len(runs) for (of, _, _), runs in timed.items() if of == size) for size in sizes}
    reps = ", ".join(f"{size} MB: {runs}" for size, runs in runs_of.items())
    print(
        HEAD.format(
            date=datetime.datetime.now(datetime.timezone.utc).date(),
            machine=machine(),
            load=load(),
            versions=versions(tools),
            ops="\n".join(f"- {op}: {what}" for op, what in OPS.items()),
            reps=reps,
        )
    )
    lines = []
    for size in sizes:
        for op in OPS:
            ours, cargo = timed.get((size, op, OURS)), timed.get((size, op, CARGO))
            present = [tool for tool in tools if (size, op, tool) in timed]
            for tool in sorted(present, key=lambda tool: median(timed[size, op, tool], "wall")):
                runs = timed[size, op, tool]
                ratios = ["-", "-", "-"]
                if ours and cargo and tool not in (OURS, CARGO):
                    wall, cpu = median(runs, "wall"), median(runs, "cpu")
                    net = max(median(ours, "wall") - median(cargo, "wall"), 0)
                    ratios = [f"{median(ours, 'wall') / wall:.1f}", f"{median(ours, 'cpu') / cpu:.1f}", f"{net / wall:.1f}"]
                lines.append([str(size), op, tool, spread(runs, "wall"), spread(runs, "cpu"), *ratios])
    head = ["MB", "op", "tool", "wall s", "CPU s", "ours/its wall", "ours/its CPU", "without cargo's part"]
    print(table(head, lines))
    print("\n## Requests, bytes and memory\n\nExact, from one run of each through a proxy that counts.")
    print("Memory is the most that the tool's largest process had; for ours, cargo-gantry itself.\n")
    lines = []
    for size in sizes:
        for op in OPS:
            for tool in (tool for tool in tools if (size, op, tool) in counted):
                row = counted[size, op, tool]
                http = [str(row["requests"]), str(row["connections"]), f"{row['sent'] / 1e6:.2f}"]
                lines.append([str(size), op, tool, *(["-"] * 3 if op == "D" else http), peak(row)])
    print(table(["MB", "op", "tool", "requests", "connections", "MB sent", "peak MiB"], lines))
    print("\nThe requests by kind, of the smallest programs:\n")
    for (size, op, tool), row in sorted(counted.items(), key=lambda item: (item[0][1], tools.index(item[0][2]))):
        if size == sizes[0] and op != "D":
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(row["kinds"].items()))
            print(f"- {op}, {tool}: {kinds}")
    # Written by hand: what the figures say, and what is not measured here.
    for name in ("reading.md", "compiling.md"):
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name)) as file:
            print("\n" + file.read(), end="")


main()
