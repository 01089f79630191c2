"""The machine and the commit: without them a time says nothing."""
import os
import platform
import re
import subprocess
from pathlib import Path


def _first(command, pattern="(.*)"):
    try:
        text = subprocess.run(command, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL).stdout
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    match = re.search(pattern, text)
    return match.group(1).strip() if match else "unknown"


def _file(path, pattern):
    try:
        match = re.search(pattern, Path(path).read_text(), re.M)
        return match.group(1).strip() if match else "unknown"
    except OSError:
        return "unknown"


def describe(build, source, cubix_version):
    flags = _file("/proc/cpuinfo", r"^flags\s*:(.*)").split()
    memory = _file("/proc/meminfo", r"MemTotal:\s*(\d+)")
    dirty = _first(["git", "-C", str(source), "status", "--porcelain", "--untracked-files=no"], "(.)")
    return {
        "processor": _file("/proc/cpuinfo", r"^model name\s*:(.*)"), "cores": len(os.sched_getaffinity(0)),
        "vectors": [name for name in ("avx512f", "avx2", "fma", "asimd", "sve") if name in flags] or ["unknown"],
        "last_level_cache": _first(["lscpu"], r"L3 cache:\s*(.*)"),
            "hypervisor": _first(["lscpu"], r"Hypervisor vendor:\s*(.*)"),
        "memory_GiB": round(int(memory) / 1024**2, 1) if memory.isdigit() else "unknown",
        "system": _file("/etc/os-release", r'^PRETTY_NAME="(.*)"'), "kernel": platform.release(),
        "compiler": _first(["gcc", "--version"]), "mpi": _first(["mpirun", "--version"]),
            "configured": _file(Path(build) / "config.log", r"^  \$ (.*)"),
        "cubix": cubix_version,
            "commit": _first(["git", "-C", str(source), "rev-parse", "HEAD"])
            + (" with changes" if dirty != "unknown" else ""),
        "load_before": list(os.getloadavg()),
    }


def name():
    """A short name for file names: processor and cores, no host name."""
    model = _file("/proc/cpuinfo", r"^model name\s*:(.*)")
    word = re.sub(r"\(.*?\)|processor|cpu|core|@.*", " ", model, flags=re.I)
    return "-".join(re.findall(r"[a-z0-9]+", word.lower())[:4]
                    or ["machine"]) + "-%dcores" % len(os.sched_getaffinity(0))
