"""examples/gradient, run small as a user runs it: what its fits say they found is what was there;
and its program in C."""
import re
import subprocess
import sys

import pytest

from harness import BUILD, SOURCE, environment, program


def example(folder, name):
    program("cubix")
    done = subprocess.run([str(SOURCE / "examples" / "gradient" / "run.sh"), "--small", name], cwd=folder, text=True,
                          capture_output=True, timeout=400,
                          env=environment(2, {"CUBIX_BIN": str(BUILD), "CUBIX_PYTHON": sys.executable}))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / name / (name + ".png")).stat().st_size > 20000
    return done.stdout


def test_stars(tmp_path):
    pytest.importorskip("matplotlib")
    rows = {tuple(line.split()[:2]): [float(x) for x in line.split()[2:]]
            for line in example(tmp_path, "stars").splitlines() if re.match(r"\w+ +(alone|shared) ", line)}
    assert len(rows) == 8
    for name, factor in (("InitialMass", 15), ("Age", 10), ("Metallicity", 4), ("Velocity", 12)):
        start, fit, error, pull = rows[name, "alone"]
        assert fit < start / factor, (name, start, fit)
        assert 0.3 < pull < 1.3, (name, pull)                 # a normal deviate's median is 0.67
        assert rows[name, "shared"][1] > fit                  # honest: two in a spaxel are not told apart as well
    assert (tmp_path / "stars" / "convergence.png").exists()


def test_disc(tmp_path):
    pytest.importorskip("matplotlib")
    out = example(tmp_path, "disc")
    for name, truth, bias in (("Inclination", 55.0, 0.05), ("PsfFwhm", 1.5, 0.005)):
        found, error = re.search(name + r" .*found +(\S+) \+- (\S+)", out).groups()
        assert abs(float(found) - truth) < 3 * float(error) + bias and 0 < float(error) < 0.02 * truth, out
    slopes = [float(x) for x in re.findall(r"chi2 (\S+) per unit", out)]
    assert slopes[0] < 0 < slopes[1]                          # from 40 deg upwards, from 1.95 arcsec downwards
    # the program in C, built where the installed headers would be: its derivatives are differences of its values
    flags = {key: re.search(r"^%s = (.*)$" % key, (BUILD / "Makefile").read_text(), re.M).group(1).split()
             for key in ("CC", "CUBIX_LIBS", "CUBIX_CFLAGS", "CUDA_LIBS", "OPENMP_CFLAGS", "SAN_CFLAGS")}
    built = subprocess.run(flags["CC"] + ["-std=c17", "-Wall", "-Wextra", "-pedantic", "-Werror"] + flags["SAN_CFLAGS"]
                           + flags["OPENMP_CFLAGS"] + flags["CUBIX_CFLAGS"] +
                           ["-I%s" % (BUILD / "include"), str(SOURCE / "examples/gradient/chi2.c"),
                            str(BUILD / "libcubix_mpi.a"), str(BUILD / "libcubix.a")] +
                           flags["CUBIX_LIBS"] + flags["CUDA_LIBS"] + ["-o", str(tmp_path / "chi2")], text=True,
                           capture_output=True)
    assert built.returncode == 0, built.stderr
    for ranks in (1, 2):
        words = [str(SOURCE / "examples/gradient/disc.param"), "Noise=none", "ObservedFile=observed.fits",
                 "Inclination=40", "PsfFwhm=1.95"]
        launch = ["mpirun", "-np", "2", "--bind-to", "none"] if ranks > 1 else []
        done = subprocess.run(launch + [str(tmp_path / "chi2")] + words, cwd=tmp_path / "disc", text=True,
                              capture_output=True, env=environment(1), timeout=100)
        assert done.returncode == 0, done.stderr
        rows = [[float(x) for x in re.findall(r"(?<= )[-+]?\d\S*", line)] for line in done.stdout.splitlines()
                if line.startswith("inclination")]
        assert len(rows) == 3
        assert (rows[2][1] - rows[0][1]) / 0.2 == pytest.approx(rows[1][2], rel=1e-4)
        # Mode gradient says the same
        assert rows[1][2] == pytest.approx(slopes[0], rel=1e-4)


def test_pair(tmp_path):
    pytest.importorskip("matplotlib")
    rows = re.findall(r"age (\S+), start (\S+), found (\S+) \+- (\S+) Gyr(?:   Z (\S+), start (\S+), found (\S+) \+- "
                      r"(\S+))?", example(tmp_path, "pair"))
    assert len(rows) == 4 and not rows[0][4] and rows[3][4]
    for row in rows:
        for k in (0, 4) if row[4] else (0,):
            truth, start, found, error = (float(x) for x in row[k:k + 4])
            assert abs(found - truth) < 4 * error and abs(found - truth) < 0.1 * abs(start - truth), row
