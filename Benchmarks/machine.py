# What was measured, and on what: without it no figure means anything.
import datetime
import os
import platform
import shlex
import subprocess
import sys


def git(folder, *words):
    """What git says of a folder; None where it lies in no checkout."""
    done = subprocess.run(["git", "-C", folder, *words], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def cpu_model():
    with open("/proc/cpuinfo") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return models[0] if models else platform.machine()


def facts(binary):
    """For JSON. The commit is that of the checkout in which the binary lies; `built` tells whether it can be of it."""
    folder = os.path.dirname(os.path.abspath(binary))
    changes = git(folder, "status", "--porcelain")
    return {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "commit": git(folder, "rev-parse", "HEAD"),
        "dirty": changes if changes is None else changes != "",
        "built": datetime.datetime.fromtimestamp(os.path.getmtime(binary)).astimezone().isoformat(timespec="seconds"),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "command": shlex.join([f"Benchmarks/{os.path.basename(sys.argv[0])}", *sys.argv[1:]]),
    }


def line(facts):
    """The same for people, without the command."""
    day = datetime.datetime.fromisoformat(facts["date"])
    commit = f"commit {facts['commit'][:7]}" if facts["commit"] else "of no commit"
    changed = " with changes" if facts["dirty"] else ""
    cores = f"{facts['cores']} cores of {facts['cpu']}"
    return f"{day.day} {day:%B %Y}, {cores}, Linux {facts['kernel']}, rast at {commit}{changed}"
