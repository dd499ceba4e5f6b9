"""One operation of one tool: seconds, processor time, and the memory mark of every process."""
import os
import subprocess
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CANNOT = 64


class Failed(Exception):
    """An adapter that ended with an error; what it said."""


class Marks(threading.Thread):
    """The most memory that each process of a session had, in kB by the program's name.

    wait4 would also tell a most, but one that a process inherits from the interpreter that started it.
    """

    def __init__(self, session):
        super().__init__(daemon=True)
        self.session, self.marks, self.over = session, {}, threading.Event()

    def run(self):
        while not self.over.wait(0.002):
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    if os.getsid(int(pid)) != self.session:
                        continue
                    with open(f"/proc/{pid}/status") as file:
                        lines = dict(line.split(":", 1) for line in file if ":" in line)
                    mark = int(lines.get("VmHWM", "0").split()[0])
                    name = lines["Name"].strip()
                    self.marks[name] = max(self.marks.get(name, 0), mark)
                except (OSError, ValueError, KeyError):
                    pass


def adapter(tool):
    """The executable of a tool: in the folder PEERS_DIR, or in peers/."""
    folders = [os.environ.get("PEERS_DIR"), os.path.join(HERE, "peers")]
    return next(path for folder in folders if folder and os.path.exists(path := os.path.join(folder, tool)))


def run(tool, op, environment, registry, watch=False):
    """Runs one operation of a tool; none if it cannot do that."""
    with tempfile.TemporaryFile() as log:
        before = registry.cpu()
        begun = time.monotonic()
        process = subprocess.Popen(
            [adapter(tool), op],
            env=dict(os.environ, **environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        marks = Marks(process.pid)
        if watch:
            marks.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begun
        if watch:
            marks.over.set()
            marks.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode == CANNOT:
            return None
        if process.returncode != 0:
            log.seek(0)
            raise Failed(f"{tool} {op}: " + log.read().decode(errors="replace")[-2000:])
    row = {
        "wall": round(wall, 4),
        # What it waited for counts as well: every process of the tool.
        "cpu": round(usage.ru_utime + usage.ru_stime, 4),
        "registry_cpu": round(registry.cpu() - before, 2),
    }
    return row | ({"marks": marks.marks} if watch else {})
