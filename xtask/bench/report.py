#!/usr/bin/env python3
"""report.py WORK: the text of docs/performance.md on standard output, of WORK/rows.jsonl (run.py) and WORK/limits.jsonl.

Tables come from there; what is written by hand lies in page/. Versions and the machine's kind are asked here.
"""
import json
import os
import sys

from figures import Rows, table
from machine import load, machine, today, versions

HERE = os.path.dirname(os.path.abspath(__file__))
OURS, CARGO = "gantry", "gantry-cargo"
OPS = "APBCDE"
# The fewest requests that the protocol allows, for n platforms and one tag.
FEWEST = {
    "A": lambda n: 8 * n + 3,
    "P": lambda n: 6 * n + 3,
    "B": lambda n: 1,
    "C": lambda n: 8,
    "E": lambda n: 4 * n + 2,
}


def by_hand(name):
    path = os.path.join(HERE, "page", name)
    if not os.path.exists(path):
        return ""
    with open(path) as file:
        return file.read().rstrip() + "\n"


def two(value):
    return "-" if value is None else f"{value:.2f}"


def seconds(value):
    return "-" if value is None else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def ratio(one, other):
    return "-" if one is None or not other else f"{one / other:.2f}"


def glance(rows, limits):
    """A line an op of a setting: ours beside the limit and the best rival."""
    head = ["MB", "platforms", "gzip or zstd", "op", "ours s", "limit s", "ours/limit", "fastest rival", "ours/its wall"]
    head += ["ours/its CPU", "requests", "fewest"]
    lines = []
    for setting in rows.settings():
        size, platforms, encoder = setting
        for op in OPS:
            ours = rows.median(setting, op, OURS, "wall")
            if ours is None:
                continue
            limit = limits.get((size, platforms, encoder, op))
            best = rows.best(setting, op, without=(OURS, CARGO))
            wall, cpu = rows.against(setting, op, OURS, best) if best else (None, None)
            counted = rows.counted(setting, op, OURS)
            few = FEWEST[op](platforms) if op in FEWEST else None
            lines.append(
                [str(size), str(platforms), encoder, op, seconds(ours), seconds(limit and limit["wall"])]
                + [ratio(ours, limit and limit["wall"]), best or "-", two(wall), two(cpu)]
                + [str(counted["requests"]) if counted and few else "-", str(few or "-")]
            )
    return table(head, lines)


def detail(rows, setting):
    """Every tool in one setting."""
    head = ["op", "tool", "wall s", "CPU s", "ours/its wall", "ours/its CPU", "requests", "connections", "MB sent", "MB got"]
    head += ["peak MiB"]
    lines = []
    for op in OPS:
        tools = [tool for tool in rows.tools if rows.median(setting, op, tool, "wall") is not None]
        for tool in sorted(tools, key=lambda tool: rows.median(setting, op, tool, "wall")):
            wall, cpu = (None, None) if tool in (OURS, CARGO) else rows.against(setting, op, OURS, tool)
            counted = rows.counted(setting, op, tool)
            http = ["-"] * 5
            if counted:
                http = [f"{counted[field]}" for field in ("requests", "connections")]
                http += [f"{counted[field] / 1e6:.2f}" for field in ("sent", "received")]
                http = (["-"] * 4 if op == "D" else http) + [rows.peak(counted)]
            lines.append([op, tool, rows.spread(setting, op, tool, "wall"), rows.spread(setting, op, tool, "cpu")] + [two(wall), two(cpu)] + http)
    return table(head, lines)


def far(rows):
    """Behind a long way."""
    head = ["MB", "platforms", "op", "tool", "wall s", "ours/its wall", "requests"]
    lines = []
    for setting in rows.settings("delayed"):
        for op in OPS:
            tools = [tool for tool in rows.tools if rows.median(setting, op, tool, "wall", "delayed") is not None]
            for tool in sorted(tools, key=lambda tool: rows.median(setting, op, tool, "wall", "delayed")):
                wall = None if tool in (OURS, CARGO) else rows.against(setting, op, OURS, tool, "delayed")[0]
                requests = rows.median(setting, op, tool, "requests", "delayed")
                line = [str(setting[0]), str(setting[1]), op, tool, rows.spread(setting, op, tool, "wall", "delayed")]
                lines.append(line + [two(wall), f"{requests:.0f}"])
    return table(head, lines)


def kinds(rows):
    """What is asked, of the setting with all tools."""
    setting = rows.settings("counted")[0]
    for op in OPS.replace("D", ""):
        for tool in rows.tools:
            if counted := rows.counted(setting, op, tool):
                yield f"- {op}, {tool}: " + ", ".join(f"{count} {kind}" for kind, count in sorted(counted["kinds"].items()))


def limit_parts(limits):
    head = ["MB", "platforms", "gzip or zstd", "op", "limit s", "CPU s", "made of", "MB packed"]
    lines = []
    for (size, platforms, encoder, op), row in sorted(limits.items(), key=lambda item: (item[0][2], item[0])):
        parts = ", ".join(f"{name} {seconds(wall)}" for name, wall in row["parts"].items())
        packed = f"{row['bytes'] / 1e6:.2f}" if op in "AD" else "-"
        lines.append([str(size), str(platforms), encoder, op, seconds(row["wall"]), two(row["cpu"]), parts, packed])
    return table(head, lines)


def main():
    work = sys.argv[1]
    rows = Rows(os.path.join(work, "rows.jsonl"))
    limits = {}
    if os.path.exists(path := os.path.join(work, "limits.jsonl")):
        with open(path) as file:
            for row in map(json.loads, file):
                limits[row["size"], row["platforms"], row["encoder"], row["op"]] = row
    print(f"# Performance\n\nMeasured on {today()} by `cargo xtask bench`, which writes this page. The machine: {machine()}. {load(rows)}")
    print(f"Versions: {versions(rows.tools)}.\n")
    print(by_hand("measured.md"))
    if rows.failed:
        print("Failed and left out: " + ", ".join(sorted(rows.failed)) + ".\n")
    print("## At a glance\n")
    print(by_hand("glance.md"))
    print(glance(rows, limits) + "\n")
    for name in ("reading.md", "curve.md", "growth.md"):
        if text := by_hand(name):
            print(text)
    if rows.settings("delayed"):
        print("## A registry at a distance\n")
        print(by_hand("far.md"))
        print(far(rows) + "\n")
    print("## Every tool\n")
    print(by_hand("tools.md"))
    for setting in rows.settings():
        size, platforms, encoder = setting
        print(f"### {size} MB, {platforms} platforms, encoder {encoder}\n")
        print(detail(rows, setting) + "\n")
    print("## Requests by kind\n\nOf the first setting above, from the run that is counted.\n")
    print("\n".join(kinds(rows)) + "\n")
    if limits:
        print("## What the limits are made of\n")
        print(by_hand("limits.md"))
        print(limit_parts(limits) + "\n")
    print(by_hand("compiling.md"), end="")


main()
