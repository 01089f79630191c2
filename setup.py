"""The wheel with the library inside: configure and make build libcubix.so, which goes into the package with the instruments
and formats that it reads.  The libraries that it needs (MPI, HDF5, FFTW ...) are the system's, as everywhere.

    pip install .                             builds with ./configure (scripts/autogen.sh makes it where it is missing)
    CUBIX_CONFIGURE="--with-cuda=no" pip install .
    CUBIX_LIBRARY=build/mine/libcubix.so pip install .       takes one that was built already
"""
import os
import shutil
import subprocess
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

TREE = Path(__file__).resolve().parent


def library(folder):
    """The library, built in this folder unless CUBIX_LIBRARY names one."""
    if os.environ.get("CUBIX_LIBRARY"):
        return Path(os.environ["CUBIX_LIBRARY"]).resolve()
    if not (TREE / "configure").exists():
        subprocess.run([TREE / "scripts" / "autogen.sh"], check=True)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "config.status").exists():
        subprocess.run([TREE / "configure", *os.environ.get("CUBIX_CONFIGURE", "").split()], cwd=folder, check=True)
    subprocess.run(["make", f"-j{len(os.sched_getaffinity(0))}", "libcubix.so"], cwd=folder, check=True)
    return (folder / "libcubix.so").resolve()


class BuildPy(build_py):
    def run(self):
        super().run()
        package = Path(self.build_lib, "cubix")
        found = library(TREE / "build" / "wheel")
        (package / "lib").mkdir(exist_ok=True)
        shutil.copyfile(found, package / "lib" / "libcubix.so")
        for folder in "instruments", "formats":              # where the library looks: share/cubix beside its own folder
            shutil.copytree(TREE / "parameterfiles" / folder, package / "share" / "cubix" / folder, dirs_exist_ok=True)


class Wheel(bdist_wheel):
    def get_tag(self):
        return "py3", "none", super().get_tag()[2]           # ctypes: any Python, this platform


class Binary(Distribution):
    def has_ext_modules(self):
        return True


setup(distclass=Binary, cmdclass={"build_py": BuildPy, "bdist_wheel": Wheel},
      options={"build": {"build_base": "build/wheel/python"}, "egg_info": {"egg_base": "python"}})
