"""BC03 and its successors as GALAXEV writes them: `*.ised_ASCII`, one file per metallicity.

A file is a stream of records "N v1 ... vN" that end wherever they end: the ages [yr]; then lines of text with
the IMF and, in the last ones, `Z=0.02`; the wavelengths [AA, in air above 2000 AA]; for every age the
spectrum [Lsun/AA per solar mass formed, Lsun = 3.826e33 erg/s] and a short record of fluxes in line indices;
then tables that are not needed.  Read so by utils/py/sed_utils.py of RAMSES (readBC03Array).  A file
`.4color` of the same name beside it gives, in its column M*, the mass in stars and remnants.
"""
import gzip
import os
import re

import numpy as np

from . import grid, light
from .canonical import ZERO, Library
from .fault import INPUT, Fault, reading

IMFS = {"chab": "Chabrier 2003, 0.1-100 Msun", "salp": "Salpeter 1955, 0.1-100 Msun",
        "kroup": "Kroupa 2001, 0.1-100 Msun"}
Z_OF_CODE = {"m22": 0.0001, "m32": 0.0004, "m42": 0.004, "m52": 0.008, "m62": 0.02, "m72": 0.05, "m82": 0.1}
STATED = re.compile(r"\bZ\s*=\s*([0-9.]+(?:[eE][+-]?\d+)?)")
TEXT = re.compile(r"[A-DF-Za-df-z]")                     # a letter that no number has


class _Numbers:
    """The numbers of a file from a line on, record by record."""

    def __init__(self, lines, path):
        self.lines, self.path, self.line, self.left = lines, path, 0, []

    def record(self):
        while not self.left:
            self.left = self._next()
        n, values = self.left[0], list(self.left[1:])
        if n != int(n) or not 0 < n < 1e6:
            raise Fault(INPUT,
                        "%s: a record before line %d says that it has %g numbers" % (self.path, self.line + 1, n))
        while len(values) < n:
            values += self._next()
        self.left = values[int(n):]
        return np.array(values[:int(n)])

    def _next(self):
        if self.line >= len(self.lines):
            raise Fault(INPUT, "%s ends within a record: the file is cut off" % self.path)
        self.line += 1
        return [float(word) for word in self.lines[self.line - 1].split()]

    def skip_text(self):
        """Over the lines of text, up to the one that begins with the number of wavelengths; returns the text."""
        begin, last = self.line, None
        for i in range(begin, min(begin + 40, len(self.lines))):
            if TEXT.search(self.lines[i]):
                last = i
        if last is None:
            raise Fault(INPUT, "%s: no text follows the ages: not the .ised_ASCII of a simple population" % self.path)
        self.line, self.left = last + 1, []
        return "\n".join(self.lines[begin:last + 1])


def convert(inputs, asked):
    asked.refuse_but("bc03", "imf", "fwhm")
    parts = sorted((_read(path) for path in grid.files_of(inputs, "*.ised_ASCII*", "bc03")), key=lambda part: part["z"])
    age, air = parts[0]["age"], parts[0]["air"]
    for one, other in zip(parts, parts[1:]):
        if one["z"] == other["z"]:
            raise Fault(INPUT, "%s and %s both have Z = %g" % (one["path"], other["path"], one["z"]))
        for name in ("age", "air"):
            if not np.array_equal(parts[0][name], other[name]):
                raise Fault(INPUT, "%s has other %s than %s: give the files of one library at a time"
                            % (other["path"], "ages" if name == "age" else "wavelengths", parts[0]["path"]))
    stated = {part["imf"] for part in parts if part["imf"]}
    if len(stated) > 1:
        raise Fault(INPUT, "the files have different IMFs: %s" % ", ".join(sorted(stated)))
    gyr = age / 1e9
    first = 1 if gyr.size > 1 and gyr[0] == 0.0 and gyr[1] <= ZERO["Age"] else 0
    luminosity = np.stack([part["flux"][first:] for part in parts]) * light.LSUN
    vacuum, luminosity, fwhm = light.to_vacuum(air, luminosity,
                                               asked.fwhm(air, lsf_fwhm(air), "3 AA from 3200 to 9500 AA, "
                              "STELIB, elsewhere the step: Bruzual & Charlot 2003"), "air")
    tables = {"Age": gyr[first:], "Metallicity": np.array([part["z"] for part in parts]), "Wavelength": vacuum,
              "Luminosity": luminosity.astype(np.float32), "LsfFwhm": fwhm}
    if vacuum[0] < light.LYMAN:
        tables["IonizingPhotons"] = light.ionizing_photons(vacuum, luminosity)
    masses = [_mass(part, age) for part in parts]
    notes = {}
    if all(mass is not None for mass in masses):
        tables["SurvivingMass"] = np.stack(masses)[:, first:]
        notes["SurvivingMass"] = ("Mass in living stars and remnants (column M* of the .4color files), per solar mass "
                                  "formed")
    texts = {"Name": "BC03 (GALAXEV)", "IMF": asked.imf(stated.pop() if stated else None), "SourceMedium": "air",
             "Program": "cubix-ssp convert bc03",
             "Reference": "Bruzual & Charlot 2003, MNRAS 344, 1000, and for later versions what their files name",
             "Licence": "the models are from their authors, http://www.bruzual.org/bc03"}
    return Library(tables, texts, light.LSUN, notes=notes)


def _read(path):
    with reading(path, "cannot be read as .ised_ASCII"):
        numbers = _Numbers(_lines(path), path)
        age = numbers.record()
        text = numbers.skip_text()
        air = numbers.record()
        flux = []
        for _ in age:
            flux.append(numbers.record())
            if flux[-1].size != air.size:
                raise Fault(INPUT, "%s: the spectrum of %g yr has %d points, there are %d wavelengths"
                            % (path, age[len(flux) - 1], flux[-1].size, air.size))
            numbers.record()                      # fluxes in line indices
    name = os.path.basename(path).lower()
    z = [float(value) for value in STATED.findall(text)]
    z = z or [value for code, value in Z_OF_CODE.items() if "_%s_" % code in name]
    if not z:
        raise Fault(INPUT, "%s states no Z=, and its name none of %s" % (path, " ".join(sorted(Z_OF_CODE))))
    imf = [words for code, words in IMFS.items() if code in name or words.split()[0].lower() in text.lower()]
    return {"path": path, "age": age, "air": air, "flux": np.array(flux), "z": z[-1], "imf": imf[0] if imf else None}


def _lines(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="latin-1") as file:
        return file.read().splitlines()


def lsf_fwhm(air):
    """3 AA between 3200 and 9500 AA (Bruzual & Charlot 2003, table 1) where the sampling is as fine; else the step."""
    step = light.step_of(air)
    return np.where((air >= 3200.0) & (air <= 9500.0), np.maximum(step, 3.0), step)


def _mass(part, age):
    """[n_age] mass in stars and remnants; None without a .4color file that has a column M*."""
    stem = re.sub(r"\.ised_ASCII(\.gz)?$", "", part["path"], flags=re.I)
    path = next((stem + end for end in (".4color", ".4color.gz") if os.path.isfile(stem + end)), None)
    if path is None:
        return None
    with reading(path, "cannot be read as a .4color table"):
        lines = _lines(path)
        heads = [line.lstrip("# ").split() for line in lines if line.startswith("#") and "M*" in line.split()]
        rows = np.array([[float(word) for word in line.split()] for line in lines if line.strip()
                         and not line.startswith("#")])
    if not heads or heads[-1].index("M*") >= rows.shape[1]:
        return None
    mass = rows[:, heads[-1].index("M*")]
    if not (np.all(mass > 0.0) and np.all(mass <= 1.0001)):
        raise Fault(INPUT, "%s: column M* runs from %g to %g, must lie in 0..1 for one solar mass formed"
                    % (path, mass.min(), mass.max()))
    # its rows begin with the second age: at age 0 nothing is lost
    return np.interp(np.log10(np.maximum(age, 1.0)), rows[:, 0], mass, left=1.0)
