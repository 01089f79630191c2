"""The canonical SSP file (doc/formats.md): written in one way, and checked as the C reader checks
it, value by value."""
import h5py
import numpy as np

from . import hdf5
from .atomic_file import atomic_file
from .fault import INPUT, Fault

#        dataset            unit              dimensions       required  floor  description
TABLES = (
    ("Age",             "Gyr",            ("age",),            True,  0.0,
     "Age of the population; strictly increasing"),
    ("Metallicity",     "mass fraction",  ("z",),              True,  0.0,
     "Mass fraction of metals, in the library's own table; strictly increasing"),
    ("Wavelength",      "AA",             ("lambda",),         True,  1e-3,
     "Wavelength in vacuum; strictly increasing"),
    ("Luminosity",      "erg/s/AA/Msun",  ("z", "age", "lambda"), True, 0.0,
     "Luminosity per Angstrom in vacuum and per solar mass formed"),
    ("LsfFwhm",         "AA",             ("lambda",),         True,  0.0,
     "Resolution of the library: full width at half maximum of its line spread function"),
    ("SurvivingMass",   "1",              ("z", "age"),        False, 0.0,
     "Mass still in stars and remnants, per solar mass formed"),
    ("IonizingPhotons", "1/s/Msun",       ("z", "age"),        False, 0.0,
     "Photons below 911.75 AA per second, per solar mass formed"),
)
AXES = {"age": "Age", "z": "Metallicity", "lambda": "Wavelength"}
TEXTS = (("Name", 127), ("IMF", 63), ("SourceMedium", 15), ("Reference", 511), ("Licence", 255), ("Program", 127))
# what CUBIX takes a first node of 0 for, since it interpolates in logarithms: the second must be above
ZERO = {"Age": 1e-4, "Metallicity": 1e-10}
# beyond it the values are in another unit than the attribute says: Myr, solar metallicities
LARGEST = {"Age": 100.0, "Metallicity": 1.0}
LEAST_WAVELENGTHS = 4      # a not-a-knot spline needs four points


class Library:
    """A library in memory: one attribute per dataset (None where absent) and `texts`, `solar_luminosity`, `demo`."""

    def __init__(self, tables, texts, solar_luminosity, demo=0, notes=None, extra=None):
        self.tables = tables                      # {dataset: array}
        self.texts = texts                        # {Name, IMF, SourceMedium, Reference, Licence, Program}
        self.solar_luminosity = solar_luminosity  # erg/s
        self.demo = demo
        self.notes = notes or {}                  # {dataset: description that replaces the general one}
        self.extra = extra or {}                  # {further root attribute: text}

    def __getitem__(self, name):
        return self.tables.get(name)


def judge(name, values, tables):
    """What is wrong with one dataset, or None."""
    _, unit, dims, _, floor, _ = next(row for row in TABLES if row[0] == name)
    if values.ndim != len(dims):
        return "/%s has %d dimensions, must have %d" % (name, values.ndim, len(dims))
    for axis, dim in enumerate(dims):
        want = tables[AXES[dim]].shape[0]
        if values.shape[axis] != want:
            return "dimension %d of /%s is %d, must be %d as /%s says" % (axis, name, values.shape[axis], want,
                                                                          AXES[dim])
    for index in range(values.shape[0]):          # slice by slice: the file may be large
        part = np.asarray(values[index])
        bad = ~(np.isfinite(part) & (part >= floor))
        if bad.any():
            where = (index,) + tuple(int(i) for i in np.argwhere(bad)[0])
            return "/%s[%s] = %g, must be finite and >= %g %s" % (name, "][".join(map(str, where)), part[where[1:]],
                                                                  floor, unit)
    if name in AXES.values():
        flat = np.asarray(values)
        if flat.size < (LEAST_WAVELENGTHS if name == "Wavelength" else 1):
            return "/%s has only %d values" % (name, flat.size)
        if name in LARGEST and flat.max() > LARGEST[name]:
            return ("/%s[%d] = %g, must be at most %g %s: are the values in another unit than its attribute says?"
                    % (name, flat.argmax(), flat.max(), LARGEST[name], unit))
        wrong = np.flatnonzero(~(np.diff(flat) > 0))
        if wrong.size:
            i = int(wrong[0]) + 1
            return "/%s must increase, but [%d] = %g follows %g" % (name, i, flat[i], flat[i - 1])
        if name in ZERO and flat.size > 1 and flat[0] == 0.0 and flat[1] <= ZERO[name]:
            return "/%s[1] = %g %s must be above %g, which stands for the 0 before it" % (name, flat[1], unit,
                                                                                          ZERO[name])
    return None


def text_of(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def read(path):
    """A canonical file, checked; every fault is an INPUT fault that says what, where and what it must be."""
    with hdf5.input_file(path, "cannot be read as a canonical SSP file") as file:
        return _read_open(file, path)


def _read_open(file, path):
    def need(condition, text):
        if not condition:
            raise Fault(INPUT, "%s: %s" % (path, text))

    kind = text_of(file.attrs.get("CubixFile", ""))
    need(kind == "ssp",
         'CubixFile = "%s", must be "ssp": not a canonical SSP file; `cubix-ssp convert` makes one' % kind)
    version = file.attrs.get("Version", 0)
    need(np.size(version) == 1 and int(version) == 1, "Version = %s, this program reads 1" % version)
    sets = {}
    for name, unit, _, required, _, _ in TABLES:
        if name not in file:
            need(not required, "no dataset /%s" % name)
            continue
        data = file[name]
        need(isinstance(data, h5py.Dataset) and data.dtype.kind in "fiu", "/%s holds no numbers" % name)
        need("unit" in data.attrs, '/%s has no attribute `unit`; must be "%s"' % (name, unit))
        have = text_of(data.attrs["unit"])
        need(have == unit,
             '/%s has unit "%s", must be "%s": convert the values, then the attribute' % (name, have, unit))
        need("description" in data.attrs, "/%s has no attribute `description`" % name)
        sets[name] = data
    for name, data in sets.items():
        fault = judge(name, data, sets)
        need(fault is None, fault)
    for name, longest in TEXTS:
        need(name in file.attrs, "the root has no attribute %s" % name)
        need(len(text_of(file.attrs[name]).encode()) <= longest,
             "attribute %s is longer than %d bytes" % (name, longest))
    for name in ("SolarLuminosity", "Demo"):
        need(name in file.attrs and np.size(file.attrs[name]) == 1 and np.isfinite(float(file.attrs[name])),
             "the root has no number %s" % name)
    return Library({name: data[()] for name, data in sets.items()},
                   {name: text_of(file.attrs[name]) for name, _ in TEXTS},
                   float(file.attrs["SolarLuminosity"]), int(file.attrs["Demo"]),
                   {name: text_of(data.attrs["description"]) for name, data in sets.items()})


def write(path, library):
    """The file, whole or not at all."""
    for name, _, _, required, _, _ in TABLES:
        if name in library.tables:
            fault = judge(name, library[name], library.tables)
            if fault:
                raise Fault(INPUT, "the source is no library that CUBIX can use: " + fault)
        elif required:
            raise ValueError(name)
    # HDF5 knows no way out of a full disk: it never sees one
    with h5py.File("library", "w", driver="core", backing_store=False) as file:
        _fill(file, library)
        file.flush()
        image = file.id.get_file_image()
    with atomic_file(path) as stream:
        stream.write(image)


def _fill(file, library):
    root = dict(library.texts, CubixFile="ssp", **library.extra)
    for name, text in sorted(root.items()):
        file.attrs[name] = np.bytes_(text.encode())      # fixed-length text: any reader can take it
    file.attrs["Version"] = np.int32(1)
    file.attrs["Demo"] = np.int32(library.demo)
    file.attrs["SolarLuminosity"] = np.float64(library.solar_luminosity)
    for name, unit, dims, _, _, description in TABLES:
        if name not in library.tables:
            continue
        values, how = np.asarray(library[name]), {}
        # few kB to MB per chunk: a range of wavelengths touches few of them
        if name == "Luminosity":
            how = dict(chunks=(1, min(values.shape[1], 32), min(values.shape[2], 1024)), compression="gzip",
                       compression_opts=4, shuffle=True)
        data = file.create_dataset(name, data=values, track_times=False, **how)
        data.attrs["unit"] = np.bytes_(unit)
        data.attrs["description"] = np.bytes_(library.notes.get(name, description).encode())
        data.attrs["axes"] = np.bytes_(" ".join(AXES[dim] for dim in dims))
