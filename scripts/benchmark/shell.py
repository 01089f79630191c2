"""Running programs: environment, peak memory, log, and what CUBIX says of itself."""
import os
import re
import subprocess
import time
from pathlib import Path

import h5py

MPI = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1",
       "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
       "LC_ALL": "C"}


class Failed(Exception):
    """A program that did not do what was asked; the message says which and why."""


def environment(threads, extra=None):
    env = {key: value for key, value in os.environ.items() if not key.startswith(("OMPI_COMM_", "PMIX_"))}
    env.update(MPI, OMP_NUM_THREADS=str(threads), MPLBACKEND="Agg")
    env.update(extra or {})
    return env


def run(command, threads=1, cwd=None, timeout=None, extra=None):
    """Standard output, wall seconds, processor seconds of the children."""
    before, start = os.times(), time.perf_counter()
    try:
        done = subprocess.run([str(c) for c in command], cwd=cwd, env=environment(threads, extra),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Failed("%s: no end after %.0f s" % (Path(str(command[0])).name, timeout))
    except OSError as error:
        raise Failed("%s: %s" % (command[0], error))
    wall, after = time.perf_counter() - start, os.times()
    if done.returncode:
        raise Failed("%s ended with status %d: %s" % (" ".join(map(str, command))[:300], done.returncode,
                                                      (done.stderr or done.stdout).strip()[-1500:]))
    return done.stdout, wall, after.children_user + after.children_system - before.children_user - before.children_system


def timings(text):
    """STEM-timings.txt: {stage: {slowest_s, mean_s, peak_MiB}}; other lines are kept as they are."""
    stages, rest = {}, []
    for line in text.splitlines():
        word = line.split()
        if len(word) == 5 and not line.startswith("#") and re.fullmatch(r"[\d.]+", word[1]):
            stages[word[0]] = {"slowest_s": float(word[1]), "mean_s": float(word[2]), "peak_MiB": float(word[4])}
        elif line.strip():
            rest.append(line)
    return stages, rest


def figures(output, text):
    """What the program says of its method: errors certified and audited, velocity grid, choices;
    the multiply's rate and the bytes sent.  Absent: not said."""
    found = {}
    with h5py.File(output) as f:
        said = f["Provenance"] if "Provenance" in f else {}
        for key, name in (("certified", "CERTIFED"), ("audited", "AUDIT"), ("step_kms", "NODESTEP"),
                          ("templates", "NTEMPLAT"), ("engine", "ENGINE"),
                          ("combine", "COMBINE"), ("why", "ENGINWHY"), ("beyond", "NBEYOND")):
            if name in said:
                value = said[name][()]
                found[key] = value.decode() if isinstance(value, bytes) else value.item() if hasattr(value,
                                                                                                     "item") else value
    for key, pattern in (("multiply_GFs", r"multiply\s+([\d.]+(?:e[+-]?\d+)?) GF/s"),
                         ("sent_most_MiB", r"^communication\s+([\d.]+)"),
                         ("sent_mean_MiB", r"^communication\s+[\d.]+\s+([\d.]+)")):
        match = re.search(pattern, text, re.M)
        if match:
            found[key] = float(match.group(1))
    return found


class Cubix:
    """The program under test."""
    failed = Failed

    def __init__(self, build, work):
        self.build, self.work = Path(build), Path(work)
        if not (self.build / "cubix").is_file():
            raise Failed("%s/cubix is not there: build it, and give its folder with --build" % self.build)
        self.has_histogram = "histogram" in run([self.build / "cubix", "--help", "Engine"])[0]
        self.version = run([self.build / "cubix", "--version"])[0].strip().splitlines()[0]

    def mock(self, stars, **options):
        """A galaxy of cubix-mock, made once."""
        name = "mock-%d%s.hdf5" % (stars, "".join("-%s%s" % (k, v) for k, v in sorted(options.items())))
        path = self.work / name
        if not path.exists():
            args = ["--stars", stars, "--gas", 0, "--minimal", "--inclination", 60]
            for key, value in options.items():
                args += ["--" + key.replace("_", "-"), value]
            run([self.build / "cubix-mock"] + args + [path], threads=os.cpu_count())
        return path

    def paint(self, label, parameters, ranks=1, threads=1, program="cubix", timeout=3600):
        """One run.  Stages, wall and processor seconds, peak memory of the fattest rank, and the
        program's own figures."""
        out = self.work / ("%s.hdf5" % label)
        file = self.work / ("%s.param" % label)
        file.write_text("".join("%s  %s\n" % item for item in dict(parameters, OutputFile=out).items()))
        stem = self.work / label
        binary = self.build / program
        start = ["mpirun", "-np", str(ranks), "--bind-to", "none"] if ranks > 1 else []
        text, wall, cpu = run(start + [binary, "-v", file], threads, cwd=self.work, timeout=timeout)
        stages, rest = timings(Path("%s-timings.txt" % stem).read_text())
        return {"wall_s": wall, "cpu_s": cpu, "stages": {k: v["slowest_s"] for k, v in stages.items()},
                "peak_MiB": max(v["peak_MiB"] for v in stages.values()),
                "peaks": {k: v["peak_MiB"] for k, v in stages.items()},
                "figures": figures(out, "\n".join(rest) + "\n" + text), "output": str(out), "log": text[-20000:]}


OUTSIDE_PAINTING = ("parameters", "instrument", "check", "read", "psf", "noise", "write", "timings")


def painting(result):
    """Seconds from stars in memory to the cube in memory: frame, model, templates, painting, sum, audit."""
    return sum(seconds for stage, seconds in result["stages"].items() if stage not in OUTSIDE_PAINTING)
