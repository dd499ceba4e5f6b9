"""What the figures were taken on, and with."""
import datetime
import os
import platform
import subprocess

PROGRAMS = {"buildah": "buildah", "umoci-skopeo": "umoci", "skopeo": "skopeo", "crane": "crane", "crane-par": "crane", "oras": "oras"}
# crane does not say its version where a distribution built it.
ASKED = {"oras": ("oras", "version"), "crane": ("crane", "version")}


def today():
    return datetime.datetime.now(datetime.timezone.utc).date()


def answer(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return (done.stdout.strip().splitlines() or [""])[0]


def versions(tools):
    asked = {"cargo-gantry": (os.environ["GANTRY"], "--version")}
    for program in dict.fromkeys(PROGRAMS[tool] for tool in tools if tool in PROGRAMS):
        asked[program] = ASKED.get(program, (program, "--version"))
    asked["docker-registry"] = ("docker-registry", "--version")
    words = []
    for program, command in asked.items():
        number = next((word for word in answer(*command).split() if word.lstrip("v")[:1].isdigit()), "of Debian unstable")
        words.append(f"{program} {number}")
    return ", ".join(words)


def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.machine())
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / 1024 / 1024
    return f"{platform.system()} on {os.cpu_count()} CPUs ({model}), {memory:.0f} GB of memory"


def load(rows):
    """What else ran, as the rows noted it when they were taken."""
    loads = [row["load"] for row in rows.rows if "load" in row]
    busy = sorted(loads)[len(loads) // 2] if loads else 0
    if busy > 1.5 * os.cpu_count():
        return (
            f"Other work ran on it meanwhile (load {busy:.1f}): seconds are rough, ratios better, CPU seconds better still, "
            "requests, bytes and memory exact."
        )
    return f"Little else ran on it (load {busy:.1f})."
