"""examples/insitu as its README has it: the toy codes in C, C++ and Fortran, compiled against the library, make cubes."""
import os
import re
import subprocess

import numpy as np
import pytest

from harness import BUILD, SOURCE, environment, read_cube

HERE = SOURCE / "examples/insitu"
MAKE = (BUILD / "Makefile").read_text()


def configured(name):
    return re.search(rf"^{name} = ?(.*)$", MAKE, re.M).group(1).split()


if not (BUILD / "libcubix.so").exists():
    pytest.skip("no libcubix.so (configure --disable-shared)", allow_module_level=True)
STRICT = ["-Wall", "-Wextra", "-Werror", *configured("SAN_CFLAGS")]
WAYS = {"nbody.c": ("cube", lambda: [*configured("CC"), "-std=c17", "-O2", "-pedantic", *STRICT]),
        "nbody.cpp": ("cubexx", lambda: [*configured("CXX"), "-std=c++17", "-pedantic", "-DOMPI_SKIP_MPICXX", *STRICT]),
        "nbody.f90": ("cubef", lambda: [*configured("FC"), "-std=f2008", *STRICT, str(SOURCE / "mpi/insitu/cubix.f90")])}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    path = tmp_path_factory.mktemp("library") / "ssp.hdf5"
    python = os.environ.get("CUBIX_PYTHON", "python3")
    subprocess.run([python, str(SOURCE / "scripts/cubix-ssp"), "demo", str(path)], check=True, capture_output=True)
    return path


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("program", WAYS)
def test_a_toy_code(tmp_path, library, program, ranks):
    stem, compiler = WAYS[program]
    if program.endswith("f90") and configured("have_fortran") != ["yes"] or \
            program.endswith("cpp") and configured("have_cxx") != ["yes"]:
        pytest.skip("no compiler for it")
    built = subprocess.run(compiler() + [f"-I{BUILD / 'include'}", str(HERE / program), f"-L{BUILD}", "-lcubix", "-lm",
                                         "-o", "toy"], cwd=tmp_path, text=True, capture_output=True)
    assert built.returncode == 0, built.stderr
    launch = ["mpirun", "-np", str(ranks), "--bind-to", "none"] if ranks > 1 else []
    env = environment(1, {"LD_LIBRARY_PATH": str(BUILD)})
    words = [*launch, "./toy", str(HERE / "muse.param"), str(library)]
    done = subprocess.run(words, cwd=tmp_path, text=True, capture_output=True, env=env, timeout=120)
    assert done.returncode == 0 and not done.stdout and "nbody" not in done.stderr, done.stderr
    cubes = [read_cube(tmp_path / f"{stem}_{output:03d}.fits") for output in range(3)]
    for cube in cubes:
        assert cube["NSTAR"].sum() > 500 * ranks and (cube["STAT"] > 0).all()
        assert cube["DATA"].shape == (481, 20, 20) and 0.05 < (cube["DATA"] > 0).mean() <= 1
    assert not np.array_equal(cubes[0]["NSTAR"], cubes[2]["NSTAR"])
    # what is wrong is told once, by the host
    done = subprocess.run(words[:-1] + ["none.hdf5"], cwd=tmp_path, text=True, capture_output=True, env=env, timeout=120)
    assert done.returncode != 0 and done.stderr.count("none.hdf5") == 1
