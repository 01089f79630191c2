"""E-MILES (Vazdekis et al. 2016, MNRAS 463, 3409): one FITS spectrum per population, all it is in the file's name.

Name: `E<imf><slope>Z<p|m>x.xxT<age>_i<T|P><alpha>_<base>...fits`, e.g. Eun1.30Zm0.40T01.0000_iPp0.00_baseFe_linear_FWHM_variable.fits.
Luminosity per solar mass formed in Lsun/AA with Lsun = 3.826e33 erg/s, air wavelengths on a linear axis.  Metallicity is the mass
fraction of the library's own table (not a solar value times 10^[M/H]).  Resolution: FWHM 3 AA below 3060, 5 AA to 3540, 2.51 AA to 8950,
sigma = 60 km/s beyond (air wavelengths; ibid., section 2.4).  Files `ssp_mass_*` of Vazdekis et al. beside the spectra give the surviving mass.
"""
import glob
import os
import re

import numpy as np
from astropy.io import fits

from . import light
from .canonical import Library
from .fault import INPUT, Fault, reading
from .grid import files_of

NAME = re.compile(r"^(?P<kind>[EM])(?P<imf>un|bi|ku|kb|ch)(?P<slope>\d\.\d+)Z(?P<sign>[pm])(?P<mh>\d\.\d+)T(?P<age>\d+\.\d+)"
                  r"_i(?P<iso>[TP])(?P<alpha>[pm]\d\.\d+)_(?P<base>base[A-Za-z]+|Ep\d\.\d+)?")
IMFS = {"un": "unimodal", "bi": "bimodal", "ku": "Kroupa universal", "kb": "Kroupa revised", "ch": "Chabrier"}
ISOCHRONES = {"P": "Padova00", "T": "BaSTI"}
Z_OF_MH = {                                       # [M/H] -> mass fraction, Vazdekis et al. 2016
    "P": {-2.32: .0001, -1.71: .0004, -1.31: .001, -0.71: .004, -0.40: .008, 0.0: .019, 0.22: .03},
    "T": {-2.27: .0001, -1.79: .0003, -1.49: .0006, -1.26: .001, -0.96: .002, -0.66: .004, -0.35: .008, -0.25: .010,
          0.06: .0198, 0.15: .024, 0.26: .030, 0.40: .040},
}
REFERENCE = ("Vazdekis, Koleva, Ricciardelli, Roeck & Falcon-Barroso 2016, MNRAS 463, 3409 (E-MILES). Based on data "
             "from the MILES project: "
             "Sanchez-Blazquez et al. 2006, MNRAS 371, 703; Falcon-Barroso et al. 2011, A&A 532, A95")
LICENCE = "Copyright (C) 2016 MILES team; non-commercial use; modified for personal or internal use only, with the notice in SourceHeader; http://miles.iac.es"


def convert(inputs, asked):
    asked.refuse_but("emiles")
    files = _files(inputs)
    grid = _grid(files)
    zs = sorted({key[0] for key in grid})
    ages = sorted({key[1] for key in grid})
    lacking = [(z, age) for z in zs for age in ages if (z, age) not in grid]
    if lacking:
        raise Fault(INPUT,
                    "E-MILES: the grid has holes: %d of %d populations lack, first Z = %g, age = %g Gyr; give all files"
                    % (len(lacking), len(zs) * len(ages), lacking[0][0], lacking[0][1]))
    first = grid[zs[0], ages[0]]
    air, header = _axis(first[0]), _notice(first[0])
    luminosity = np.empty((len(zs), len(ages), len(air)), np.float32)
    for i, z in enumerate(zs):
        for j, age in enumerate(ages):
            luminosity[i, j] = _spectrum(grid[z, age][0], air)
    row = first[1]
    vacuum, luminosity, fwhm = light.to_vacuum(air, luminosity, lsf_fwhm(air), "air")
    tables = {"Age": np.array(ages), "Metallicity": np.array(zs), "Wavelength": vacuum,
              "Luminosity": luminosity.astype(np.float32), "LsfFwhm": fwhm}
    surviving = _surviving(files, row, zs, ages)
    if surviving is not None:
        tables["SurvivingMass"] = surviving
    texts = {"Name": "E-MILES %s %s %s" % (ISOCHRONES[row["iso"]], row["imf"] + row["slope"], row["base"] or "baseFe"),
             "IMF": "%s, slope %s, 0.1-100 Msun%s"
                    % (IMFS[row["imf"]], row["slope"],
                       " (Salpeter)" if row["imf"] == "un" and float(row["slope"]) in (1.3, 1.35) else ""),
             "SourceMedium": "air", "Reference": REFERENCE, "Licence": LICENCE, "Program": "cubix-ssp convert emiles"}
    return Library(tables, texts, light.LSUN, extra={"SourceHeader": header} if header else None)


def lsf_fwhm(air):
    return np.where(air < 3060.0, 3.0,
                    np.where(air < 3540.0, 5.0, np.where(air < 8950.0, 2.51, light.FWHM * 60.0 / light.C_KMS * air)))


def _files(inputs):
    found = [path for path in files_of(inputs, "[EM]*.fits*", "E-MILES")
             if os.path.basename(path).lower().endswith((".fits", ".fits.gz"))]
    if not found:
        raise Fault(INPUT, "E-MILES: no FITS file in %s" % " ".join(inputs))
    return found


def _grid(files):
    grid, common = {}, None
    for path in files:
        match = NAME.match(os.path.basename(path))
        if not match:
            raise Fault(INPUT,
                        "%s: the name is not one of E-MILES (like Ech1.30Zp0.06T10.0000_iTp0.00_baseFe.fits)" % path)
        row = match.groupdict()
        same = tuple(row[key] for key in ("kind", "imf", "slope", "iso", "alpha", "base"))
        if common and same != common[0]:
            raise Fault(INPUT,
                        "%s differs in IMF, isochrones or abundances from %s: give the files of one library at a time" % (path, common[1]))
        common = common or (same, path)
        mh = float(row["mh"]) * (-1.0 if row["sign"] == "m" else 1.0)
        near = [z for known, z in Z_OF_MH[row["iso"]].items() if abs(known - mh) < 0.0151]
        if not near:
            raise Fault(INPUT,
                        "%s: [M/H] = %+.2f is not in the metallicity table of %s" % (path, mh, ISOCHRONES[row["iso"]]))
        key = (near[0], float(row["age"]))
        if key in grid:
            raise Fault(INPUT, "%s and %s hold the same population" % (grid[key][0], path))
        grid[key] = (path, row, mh)
    return grid


def _axis(path):
    header, data = _open(path)
    try:
        start, step, pixel = float(header["CRVAL1"]), float(header.get("CDELT1",
                                                                       header.get("CD1_1"))), float(header.get("CRPIX1",
                                                                                                               1))
    except (KeyError, TypeError):
        raise Fault(INPUT, "%s has no linear wavelength axis (CRVAL1, CDELT1)" % path)
    if start < 100.0 or step <= 0:
        raise Fault(INPUT,
                    "%s: CRVAL1 = %g, CDELT1 = %g are not linear Angstrom; logarithmic axes are not read" % (path,
                                                                                                             start, step))
    return start + step * (np.arange(data.size) + 1.0 - pixel)


def _spectrum(path, air):
    header, data = _open(path)
    mine = _axis(path)
    if mine.size != air.size or abs(mine[0] - air[0]) > 1e-6 or abs(mine[-1] - air[-1]) > 1e-3:
        raise Fault(INPUT, "%s: its wavelength axis differs from that of the other files" % path)
    return data.astype(np.float64) * light.LSUN


def _open(path):
    with reading(path, "cannot be read as FITS"), fits.open(path, memmap=False) as hdus:
        header, data = hdus[0].header, hdus[0].data
    if data is None or data.ndim != 1:
        raise Fault(INPUT, "%s holds no one-dimensional spectrum" % path)
    return header, data


def _notice(path):
    """The copyright and disclaimer of the MILES team, which must stay with the data."""
    return "\n".join(line.strip().strip("='").strip() for line in map(str, _open(path)[0].get("COMMENT", []))
                     if line.lstrip().startswith("="))


def _surviving(files, row, zs, ages):
    """[n_Z][n_age], stars and remnants, from a mass table of the same IMF and isochrones beside the
    spectra; None without one."""
    for folder in dict.fromkeys(os.path.dirname(os.path.abspath(path)) for path in files):
        for path in sorted(glob.glob(os.path.join(glob.escape(folder),
                                                  "*ssp_mass_%s_%s_*" % (ISOCHRONES[row["iso"]], row["imf"].upper())))):
            known = _mass_table(path, row)
            table = [[_nearest(known, z, age) for age in ages] for z in zs]
            if all(value is not None for line in table for value in line):
                return np.array(table)
    return None


def _mass_table(path, row):
    known = {}
    with reading(path, "cannot be read as a table of surviving masses"), open(path, encoding="latin-1") as lines:
        for line in lines:
            word = line.split()
            if len(word) > 5 and word[0] == row["imf"].upper() and abs(float(word[1]) - float(row["slope"])) < 0.006:
                z = [z for mh, z in Z_OF_MH[row["iso"]].items() if abs(mh - float(word[2])) < 0.0151]
                if z:
                    known.setdefault(z[0], []).append((float(word[3]), float(word[5])))
    return known


def _nearest(known, z, age):
    close = [mass for t, mass in known.get(z, []) if abs(t - age) <= 2e-4 * max(1.0, age)]
    return close[0] if close else None
