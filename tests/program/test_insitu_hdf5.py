"""A host and CUBIX in one process, each with an HDF5: another version is told, in one message on all ranks; a serial one of
the same version serves."""
import os
import re
import shutil
import subprocess

import pytest

from harness import BUILD, SOURCE, Bench, bits, galaxy, run
from insitu_lab import columns, insitu, need_library

need_library()
MAKE = (BUILD / "Makefile").read_text()
TOLD = r"CUBIX was compiled for HDF5 (\S+), but HDF5 9\.8\.7 \(\S+other\.so\) is in this process: link"
# what a loader does that finds another library first: its version, on rank 1 alone or on all
OTHER = """
#include <hdf5.h>
#include <stdlib.h>
herr_t H5get_libversion(unsigned *major, unsigned *minor, unsigned *release)
{
  const char *rank = getenv("OMPI_COMM_WORLD_RANK");
  const int other = !getenv("OTHER_ON_RANK_1") || (rank && atoi(rank) == 1);
  *major = other ? 9 : H5_VERS_MAJOR;
  *minor = other ? 8 : H5_VERS_MINOR;
  *release = other ? 7 : H5_VERS_RELEASE;
  return 0;
}
"""
USE = """
#include <hdf5.h>
#include <stdio.h>
__attribute__((constructor)) static void use(void)
{
  hid_t file = H5Fcreate("own.hdf5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  hsize_t n = 3;
  double x[3] = { 1, 2, 3 };
  hid_t space = H5Screate_simple(1, &n, NULL);
  hid_t set = H5Dcreate2(file, "x", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  if (H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0) puts("own HDF5 works");
  H5Dclose(set); H5Sclose(space); H5Fclose(file);
}
"""


def configured(name):
    return re.search(rf"^{name} = ?(.*)$", MAKE, re.M).group(1).split()


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("hdf5"))
    bench.instrument(6, 5, 0.8, lam=(5000.0, 5019.0, 1.0))
    bench.ssp(fwhm=1.0)
    bench.stars = galaxy(60)
    bench.particles(bench.stars, redshift=0.05)
    return bench


@pytest.fixture(scope="module")
def other(ready):
    ready.path("other.c").write_text(OTHER)
    subprocess.run([*configured("CC"), *configured("CUBIX_CFLAGS"), "-shared", "-fPIC", "other.c", "-o", "other.so"],
                   cwd=ready.folder, check=True)
    return {"LD_PRELOAD": str(ready.path("other.so"))}


@pytest.mark.parametrize("where", ["all", "rank 1"])
def test_another_version_is_told_when_it_is_opened(ready, other, where):
    """HDF5 itself would abort the host when the library of stellar populations is opened."""
    on_one = where == "rank 1"
    done = insitu(ready, columns(ready.stars), "", 2, env={**other, **({"OTHER_ON_RANK_1": "1"} if on_one else {})},
                  status=1, Redshift=0.05)
    told = re.findall(TOLD, done.err)
    assert len(told) >= 1 and re.fullmatch(r"\d+\.\d+\.\d+", told[0]), done.err
    assert not on_one or "another rank has an HDF5 that CUBIX was not compiled for" in done.err or len(told) == 1


def test_the_programs_tell_it_as_well(ready, other):
    done = run("cubix", [ready.parameters(Redshift=0.05)], cwd=ready.folder, env=other)
    assert done.status == 1 and len(re.findall(TOLD, done.err)) == 1 and done.err.count("error:") == 1, done.err
    assert not ready.out.exists()


@pytest.mark.parametrize("how", ["shared", "archive"])
def test_a_host_with_the_serial_hdf5(ready, how):
    """Linked first, so that its functions stand in for ours where the two have no versions of their own."""
    def told(what):
        return subprocess.run(["pkg-config", *what, "hdf5-serial"], capture_output=True, text=True)
    if not shutil.which("pkg-config") or told(["--exists"]).returncode:
        pytest.skip("no serial HDF5 with pkg-config's hdf5-serial (libhdf5-dev)")
    parallel = re.search(r"H5_VERS_INFO\s+\"HDF5 library version: ([0-9.]+)", version_header()).group(1)
    if told(["--modversion"]).stdout.strip() != parallel:
        pytest.skip(f"the serial HDF5 is not {parallel}, as the parallel one is")
    ready.path("use.c").write_text(USE)
    ours = [f"-L{BUILD}", "-lcubix"] if how == "shared" else [BUILD / "libcubix_mpi.a", BUILD / "libcubix.a"]
    rest = [] if how == "shared" else [*configured("CUBIX_LIBS"), *configured("CUDA_LIBS"), *configured("OPENMP_CFLAGS")]
    flags = told(["--cflags", "--libs"]).stdout.split()
    subprocess.run([*configured("CC"), "-std=c17", f"-I{SOURCE}", f"-I{SOURCE}/src", "use.c",
                    SOURCE / "tests/program/host_insitu.c", *ours, *flags, *rest, "-lm", "-o", how],
                   cwd=ready.folder, check=True)
    folder = next(flag[2:] for flag in flags if flag.startswith("-L"))
    ready.path("empty.param").write_text("")
    words = [ready.path("empty.param"), 40, 1, f"SspFile={ready.ssp_file}", f"Instrument={ready.inst_file}", "Lsf=none",
             "Redshift=0.05", "Engine=direct"]
    env = {"LD_LIBRARY_PATH": f"{BUILD}:{folder}:{os.environ.get('LD_LIBRARY_PATH', '')}"}
    done = run(ready.path(how), ["w", ready.path("serial"), *words], cwd=ready.folder, env=env)
    assert done.status == 0 and "own HDF5 works" in done.out, done.out + done.err
    assert run("host_insitu", ["w", ready.path("plain"), *words], cwd=ready.folder).status == 0
    assert bits(ready.path("serial.0.fits")) == bits(ready.path("plain.0.fits"))


def version_header():
    """HDF5's H5public.h of the build."""
    done = subprocess.run([*configured("CC"), *configured("CUBIX_CFLAGS"), "-E", "-dM", "-include", "hdf5.h", "-x", "c",
                           "/dev/null"], capture_output=True, text=True, check=True)
    return done.stdout
