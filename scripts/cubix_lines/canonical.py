"""The table of emission lines that CUBIX reads (doc/formats.md): written in one way, and checked as the C reader
checks it."""
import re

import h5py
import numpy as np

from cubix_ssp import hdf5
from cubix_ssp.atomic_file import atomic_file
from cubix_ssp.canonical import text_of
from cubix_ssp.fault import INPUT, Fault

#    dataset         unit             least  most  rises
AXES = (
    ("Metallicity", "mass fraction", 1e-12, 1.0, True, "Mass fraction of metals in the gas; strictly increasing"),
    ("LogU",        "1",             -12.0, 3.0, True, "log10 of the ionisation parameter; strictly increasing"),
    ("Age",         "Gyr",           1e-6, 0.2, True, "Age of the stars that ionise; strictly increasing"),
    ("Wavelength",  "AA",            10.0, 1e7, True, "Wavelengths in vacuum at rest; strictly increasing"),
    ("IonMass",     "u",             1.0, 300.0, False, "Mass of the ion that emits"),
)
LUMINOSITY = "Luminosity of a line per hydrogen-ionising photon that is absorbed"
TEXTS = (("Name", 127), ("Reference", 511), ("Licence", 255), ("Program", 127))
LONGEST_NAME, BRIGHTEST = 15, 1e-6       # characters; erg per photon


class Table:
    """A table in memory: axes, `names` of the lines and what it says of itself."""

    def __init__(self, tables, names, texts, solar_metallicity=0.0, solar_oxygen=0.0, demo=0):
        self.tables, self.names, self.texts, self.demo = tables, names, texts, demo
        self.solar_metallicity, self.solar_oxygen = solar_metallicity, solar_oxygen

    def __getitem__(self, name):
        return self.tables[name]

    def ratio(self, name, over="Hb"):
        light = self["Luminosity"]
        return light[..., self.names.index(name)] / light[..., self.names.index(over)]


def judge(table):
    """What is wrong with a table, or None."""
    for name, unit, least, most, rises, _ in AXES:
        values = table[name]
        if values.ndim != 1 or not values.size:
            return "/%s has %d dimensions, must have 1" % (name, values.ndim)
        bad = np.flatnonzero(~((values >= least) & (values <= most)))
        if bad.size:
            return "/%s[%d] = %g, must be from %g to %g %s" % (name, bad[0], values[bad[0]], least, most, unit)
        if rises and np.any(np.diff(values) <= 0):
            return "/%s must increase" % name
    light = table["Luminosity"]
    want = tuple(table[name].size for name in ("Metallicity", "LogU", "Age", "Wavelength"))
    if light.shape != want or table["IonMass"].size != want[3] or len(table.names) != want[3]:
        return "/Luminosity is %s, must be %s as the axes say" % (light.shape, want)
    if not np.all((light > 0) & (light <= BRIGHTEST)):
        return "/Luminosity must be finite, above 0 and at most %g erg per ionising photon" % BRIGHTEST
    for name in table.names:
        if len(name) > LONGEST_NAME or not re.fullmatch(r"[A-Za-z0-9_+.\[\]-]+", name):
            return "\"%s\" is no name of a line: at most %d letters, digits and _ + - . [ ]" % (name, LONGEST_NAME)
    if len({name.lower() for name in table.names}) < len(table.names):
        return "two lines have the same name, whatever its case"
    return None


def floor(light, names):
    """At least 1e-8 of Hb: logarithms are interpolated, and a model may have nothing."""
    if "Hb" not in names:
        raise Fault(INPUT, "the table has no Hb at %g AA in vacuum (or air, for bagpipes), by which lines are measured"
                    % 4862.683)
    beta = names.index("Hb")
    return np.maximum(light, 1e-8 * light[..., beta:beta + 1])


def read(path):
    with hdf5.input_file(path, "cannot be read as a table of emission lines") as file:
        kind = text_of(file.attrs.get("CubixFile", ""))
        if kind != "lines":
            raise Fault(INPUT, '%s: CubixFile = "%s", must be "lines"; `cubix-lines convert` makes one' % (path, kind))
        lacking = [name for name in [row[0] for row in AXES] + ["Luminosity"] if name not in file]
        if lacking:
            raise Fault(INPUT, "%s: no dataset /%s" % (path, lacking[0]))
        for name, unit in [row[:2] for row in AXES] + [("Luminosity", "erg")]:
            have = text_of(file[name].attrs.get("unit", ""))
            if have != unit:
                raise Fault(INPUT, '%s: /%s has unit "%s", must be "%s"' % (path, name, have, unit))
        table = Table({name: np.asarray(file[name], float) for name in [row[0] for row in AXES] + ["Luminosity"]},
                      text_of(file["Wavelength"].attrs.get("lines", "")).split(),
                      {name: text_of(file.attrs.get(name, "")) for name, _ in TEXTS},
                      float(file.attrs.get("SolarMetallicity", 0)), float(file.attrs.get("SolarOxygen", 0)))
    fault = judge(table)
    if fault:
        raise Fault(INPUT, "%s: %s" % (path, fault))
    return table


def write(path, table):
    """The file, whole or not at all."""
    fault = judge(table)
    if fault:
        raise Fault(INPUT, "the source is no table that CUBIX can use: " + fault)
    with h5py.File("lines", "w", driver="core", backing_store=False) as file:
        file.attrs["CubixFile"] = np.bytes_("lines")
        file.attrs["Version"] = np.int32(1)
        file.attrs["Demo"] = np.int32(table.demo)
        file.attrs["SolarMetallicity"] = np.float64(table.solar_metallicity)
        file.attrs["SolarOxygen"] = np.float64(table.solar_oxygen)
        for name, longest in TEXTS:
            file.attrs[name] = np.bytes_(table.texts[name].encode()[:longest])
        for name, unit, _, _, _, description in AXES:
            _dataset(file, name, table[name], unit, description)
        file["Wavelength"].attrs["lines"] = np.bytes_(" ".join(table.names))
        _dataset(file, "Luminosity", table["Luminosity"], "erg", LUMINOSITY)
        file["Luminosity"].attrs["axes"] = np.bytes_("Metallicity LogU Age Wavelength")
        file.flush()
        image = file.id.get_file_image()
    with atomic_file(path) as stream:
        stream.write(image)


def _dataset(file, name, values, unit, description):
    data = file.create_dataset(name, data=np.asarray(values, float), track_times=False)
    data.attrs["unit"] = np.bytes_(unit)
    data.attrs["description"] = np.bytes_(description)
