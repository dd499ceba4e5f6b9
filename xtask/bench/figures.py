"""The rows of run.py, asked for medians, ratios of neighbours, and counts."""
import collections
import json
import statistics


def table(head, lines):
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


class Rows:
    """By setting (size, platforms, encoder), op and tool."""

    def __init__(self, path):
        with open(path) as file:
            rows = [json.loads(line) for line in file]
        self.failed = {f"{row['tool']} {row['op']} {row['size']} MB" for row in rows if "failed" in row}
        self.rows = [row for row in rows if "failed" not in row]
        self.tools = list(dict.fromkeys(row["tool"] for row in self.rows))
        self.by = collections.defaultdict(list)
        for row in self.rows:
            setting = (row["size"], row["platforms"], row["encoder"])
            self.by[row["mode"], setting, row["op"], row["tool"]].append(row)

    def settings(self, mode="timed"):
        """Two platforms first, the default encoder first, then by size."""
        found = {key[1] for key in self.by if key[0] == mode}
        return sorted(found, key=lambda setting: (setting[2] != "default", setting[2], setting[1], setting[0]))

    def runs(self, setting, op, tool, mode="timed"):
        runs = self.by.get((mode, setting, op, tool), [])
        # A tool that keeps nothing of a base does the same work as the first time.
        if not runs and op == "P":
            return self.by.get((mode, setting, "A", tool), []) if tool not in ("gantry", "gantry-cargo") else []
        return runs

    def median(self, setting, op, tool, field, mode="timed"):
        runs = self.runs(setting, op, tool, mode)
        return statistics.median(run[field] for run in runs) if runs else None

    def spread(self, setting, op, tool, field, mode="timed"):
        values = [run[field] for run in self.runs(setting, op, tool, mode)]
        digits = 3 if max(values) < 0.1 else 2
        return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"

    def best(self, setting, op, without):
        times = {tool: self.median(setting, op, tool, "wall") for tool in self.tools if tool not in without}
        times = {tool: time for tool, time in times.items() if time is not None}
        return min(times, key=times.get) if times else None

    def against(self, setting, op, ours, other, mode="timed"):
        """The medians of the ratios of wall and of CPU: of runs of one repetition, which were neighbours in time."""
        theirs = {run["repetition"]: run for run in self.runs(setting, op, other, mode)}
        pairs = [(run, theirs[run["repetition"]]) for run in self.runs(setting, op, ours, mode) if run["repetition"] in theirs]
        if not pairs:
            return None, None
        return tuple(statistics.median(one[field] / max(two[field], 0.001) for one, two in pairs) for field in ("wall", "cpu"))

    def counted(self, setting, op, tool):
        runs = self.runs(setting, op, tool, "counted")
        return runs[0] if runs else None

    @staticmethod
    def peak(row):
        """The largest process of the tool; the rig's own shells are no part of it."""
        marks = {name: mark for name, mark in row["marks"].items() if name not in ("bash", "python3", "unshare", "tar")}
        if row["tool"].startswith("gantry"):
            marks = {name: mark for name, mark in marks.items() if name.startswith("cargo-gantry")}
        return f"{max(marks.values()) / 1024:.0f}" if marks else "-"
