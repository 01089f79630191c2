"""What the files that CUBIX reads may be: locked or on file systems without locks, no regular
files, of odd sizes, seen differently by ranks.  One rank and several must do the same."""
import os
import shutil
import subprocess

import h5py
import numpy as np
import pytest

from harness import edit, galaxy, read_cube, refused, run, write_tng
from hdf5_lab import INPUT, PARAMETER, RANKS

# ---- locks ---------------------------------------------------------------------------------------

@RANKS
def test_without_file_locks(ready, no_locks, ranks):
    """Stars, library and observed cube from a file system without locks give what they give elsewhere."""
    want = ready.cube(ranks=ranks)
    done = run("cubix", [ready.parameters(), "OutputFile=out.hdf5"], ranks, cwd=ready.folder, env=no_locks)
    assert done.status == 0, done.err
    with h5py.File(ready.path("out.hdf5")) as f:
        assert np.array_equal(f["DATA"][:], want["DATA"], equal_nan=True)
    done = run("cubix",
               [ready.parameters(Mode="gradient", ObservedFile=ready.path("out.hdf5"), Parameters="Mass",
                                 Likelihood="cosine")], ranks,
               cwd=ready.folder, env=no_locks)
    assert done.status == 0, done.err


@RANKS
def test_open_for_writing_elsewhere(ready, ranks):
    with h5py.File(ready.file, "r+"):
        ready.cube(ranks=ranks)


# ---- what is no regular file ---------------------------------------------------------------------

FILES = {"InputFile": {}, "SspFile": {}, "PsfFile": {"Psf": "file"},
         "ObservedFile": {"Mode": "gradient", "Parameters": "Mass"}, "Instrument": {},
         "SimulationFormat": {}, "FitRestartFile": {"Mode": "fit", "Parameters": "Mass", "FitResume": "yes"}}


def words_of(name):
    """The parameter's status, and what it needs beside itself."""
    return PARAMETER if name in ("Instrument", "SimulationFormat") else INPUT


@RANKS
@pytest.mark.parametrize("name", FILES)
def test_fifo(ready, name, ranks):
    """Nobody writes into it: waiting would be for ever."""
    os.mkfifo(ready.path("fifo"))
    more = dict(FILES[name])
    if name == "FitRestartFile":
        ready.cube(OutputFile=ready.path("observed.fits"))
        more["ObservedFile"] = ready.path("observed.fits")
    refused(ready, words_of(name), "fifo", "FIFO", ranks=ranks, **{**more, name: ready.path("fifo")})


@RANKS
def test_device(ready, ranks):
    refused(ready, INPUT, "/dev/zero", "a device", ranks=ranks, InputFile="/dev/zero")


@RANKS
def test_parameters_through_a_fifo(ready, ranks):
    """As `cubix <(program)` has it: a writer that comes late is waited for."""
    want = ready.cube(ranks=ranks)
    fifo, text = ready.path("fifo"), ready.parameters()
    os.mkfifo(fifo)
    writer = subprocess.Popen(["sh", "-c", f"sleep 1; cat '{text}' > '{fifo}'"])
    try:
        done = run("cubix", [fifo], ranks, cwd=ready.folder)
    finally:
        writer.kill()
        writer.wait()
    assert done.status == 0, done.err
    assert np.array_equal(read_cube(ready.out)["DATA"], want["DATA"], equal_nan=True)


def test_parameters_through_a_fifo_without_writer(ready):
    os.mkfifo(ready.path("fifo"))
    refused(ready, PARAMETER, "fifo", "nobody wrote", file=ready.path("fifo"))


@RANKS
@pytest.mark.parametrize("name", FILES)
def test_dangling_link(ready, name, ranks):
    ready.path("here").symlink_to("moved away")
    more = dict(FILES[name])
    if name == "FitRestartFile":
        ready.cube(OutputFile=ready.path("observed.fits"))
        more["ObservedFile"] = ready.path("observed.fits")
    refused(ready, words_of(name), "here", "symbolic link to moved away", ranks=ranks,
            **{**more, name: ready.path("here")})


# ---- sizes ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("value", [np.arange(1, 8001, dtype="i4"), np.arange(8000, dtype="f8"), np.float64(1.0), "yes",
                                   np.array([], "i4"), h5py.Empty("i4")])
def test_an_attribute_larger_than_its_place(ready, value):
    """Of 8000 numbers where one is wanted the first is taken; what is no number is passed over, for
    Demo is only a note."""
    edit(ready.ssp_file, lambda f: f.attrs.__setitem__("Demo", value))
    assert ready.cube()["NSTAR"].sum() > 0


def test_a_header_larger_than_its_place(ready):
    """4000 redshifts that are the same, and 128 of 60000 letters; but a centre has three numbers."""
    want = ready.cube()
    edit(ready.file, lambda f: f["Header"].attrs.update({"Redshift": np.zeros(4000), "Source": "x" * 60000}))
    assert np.array_equal(ready.cube()["DATA"], want["DATA"])
    edit(ready.file, lambda f: f["Header"].attrs.update({"Centre": np.zeros(100)}))
    refused(ready, INPUT, "galaxy.hdf5", "centre", "100 numbers", "must have 3")


@pytest.mark.parametrize("name, value, words",
                         [("Redshift", [0.0, 0.5], ["2 numbers", "it must be one"]),
                          ("HubbleParam", [0.7, 0.7, 0.8], ["3 numbers"]),
                          ("BoxSize", [100.0, 100.0], ["2 sides", "three equal ones"]),
                          ("BoxSize", [100.0] * 4, ["4 sides"])])
def test_several_numbers_where_one_is_wanted(ready, name, value, words):
    edit(ready.file, lambda f: f["Header"].attrs.__setitem__(name, np.array(value)))
    refused(ready, INPUT, "galaxy.hdf5", name if name != "BoxSize" else "box", *words)


def test_several_powers_of_a_dataset(ready):
    ready.file = write_tng(ready.path("tng.hdf5"), galaxy(40, seed=2, radius=0.5))
    edit(ready.file, lambda f: f["PartType4/Masses"].attrs.__setitem__("h_scaling", np.array([-1.0, 0.0])))
    refused(ready, INPUT, "tng.hdf5", "h_scaling", "PartType4/Masses", "it must be one")


@pytest.mark.parametrize("ranks", [1, 3])
def test_a_hubble_constant_in_km_s_mpc(ready, ranks):
    """70 where 0.7 is meant puts the galaxy a hundred times nearer."""
    edit(ready.file, lambda f: f["Header"].attrs.__setitem__("HubbleParam", 70.0))
    refused(ready, INPUT, "galaxy.hdf5", "HubbleParam", "is 70", "H0/(100 km/s/Mpc)", "at most 2", ranks=ranks)


def test_shapes_that_are_not_what_they_were(ready):
    """Tables of a library that are larger or smaller than its axes say."""
    for key, change in (("Luminosity", lambda x: x[:, :, :-1]), ("Luminosity", lambda x: np.concatenate([x, x])),
                        ("LsfFwhm", lambda x: x[:-1])):
        ready.ssp()

        def resize(f):
            data, attributes = f[key][:], dict(f[key].attrs)
            del f[key]
            f.create_dataset(key, data=change(data)).attrs.update(attributes)
        edit(ready.ssp_file, resize)
        refused(ready, INPUT, "ssp.hdf5", key, "as the axes say")


# ---- ranks that see a file differently -----------------------------------------------------------

ODD = """#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
static int odd(const char *what)
{
  const char *rank = getenv("OMPI_COMM_WORLD_RANK"), *which = getenv("ODD_RANK"), *odd = getenv("ODD_ANSWER");
  return rank && which && odd && !strcmp(rank, which) && !strcmp(odd, what);
}
int H5Pget_nfilters(long long list)
{
  int (*real)(long long) = (int (*)(long long))dlsym(RTLD_NEXT, "H5Pget_nfilters");
  return odd("filters") ? 1 : real(list);
}
int H5Tequal(long long a, long long b)
{
  int (*real)(long long, long long) = (int (*)(long long, long long))dlsym(RTLD_NEXT, "H5Tequal");
  return odd("type") ? 0 : real(a, b);
}
"""


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("answer", ["filters", "type"])
def test_ranks_that_see_a_file_differently(ready, tmp_path_factory, answer, rank):
    """One finds data compressed, or in double precision, where the other does not: who sends what
    to whom is agreed upon all the same."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        pytest.skip("no C compiler: ranks that differ cannot be played")
    folder = tmp_path_factory.mktemp("odd")
    (folder / "odd.c").write_text(ODD)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "odd.so", folder / "odd.c", "-ldl"], check=True)
    ready.particles(galaxy(40000, seed=2, radius=0.5), dtype="f4")
    want = ready.cube(ranks=2, ReadMode="collective")
    done = run("cubix", [ready.parameters(ReadMode="collective")], 2, cwd=ready.folder,
               env={"LD_PRELOAD": str(folder / "odd.so"), "ODD_RANK": str(rank), "ODD_ANSWER": answer})
    assert done.status == 0, done.err
    assert np.array_equal(read_cube(ready.out)["DATA"], want["DATA"], equal_nan=True)


@pytest.mark.parametrize("suffix", ["fits", "hdf5"])
def test_a_file_is_closed_by_a_driver_that_is_there(ready, monkeypatch, suffix):
    """HDF5 lets go of a file's driver before it closes the file with it: where nobody else held the driver, the program
    ended with a segmentation fault if something else had taken its memory meanwhile.  Here free memory is filled."""
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0:glibc.malloc.perturb=165")
    done = run("cubix", [ready.parameters(OutputFile=ready.path(f"cube.{suffix}"))], cwd=ready.folder)
    assert done.status == 0 and ready.path(f"cube.{suffix}").is_file(), done.err
    ready.file = ready.path("none.hdf5")
    refused(ready, INPUT, "none.hdf5")
