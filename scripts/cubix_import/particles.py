"""The canonical particle file (doc/formats.md) is written, whole or not at all."""
import os

import h5py
import numpy as np

from cubix_ssp.atomic_file import atomic_file

from .galaxy import GAS, STARS
from .stated import size_of

LONGEST_SOURCE = 255


def write(path, galaxy, universe, stated, centre):
    # HDF5 knows no way out of a full disk: it never sees one
    with h5py.File("particles", "w", driver="core", backing_store=False) as file:
        _header(file.create_group("Header").attrs, galaxy, universe, stated, centre)
        _table(file.create_group("Stars"), galaxy.stars, STARS, galaxy.from_raw)
        if galaxy.gas:
            _table(file.create_group("Gas"), galaxy.gas, GAS, {})
        file.flush()
        image = file.id.get_file_image()
    with atomic_file(path) as stream:
        stream.write(image)


def source(galaxy, stated):
    files = stated.files[0] if len(stated.files) == 1 else "%s and %d more" % (stated.files[0], len(stated.files) - 1)
    text = "%s (%d bytes), %s" % (os.path.basename(files), sum(size_of(p) for p in stated.files), galaxy.reader)
    return ("%s: %s" % (stated.name, text) if stated.name else text)[:LONGEST_SOURCE]


def _header(attrs, galaxy, universe, stated, centre):
    attrs["Version"] = np.int32(1)
    for name, text in (("CubixFile", "particles"), ("Program", "cubix-import"), ("Source", source(galaxy, stated)),
                       ("Notes", "; ".join(galaxy.notes))):
        attrs[name] = np.bytes_(text.encode() or b"-")       # fixed-length text: any reader can take it
    attrs["Redshift"] = np.float64(universe.redshift)
    if universe.cosmological:
        attrs["OmegaMatter"], attrs["OmegaLambda"] = np.float64(universe.omega_m), np.float64(universe.omega_l)
        attrs["HubbleParam"] = np.float64(universe.h)
    attrs["BoxSize"] = np.float64(galaxy.box)
    if centre is not None:
        attrs["Centre"] = np.asarray(centre, float)


def _table(group, columns, rows, from_raw):
    for name, unit, description in rows:
        if name not in columns:
            continue
        values = np.asarray(columns[name])
        values = values.astype("u8" if (values >= 0).all() else "i8") if name == "Id" else values.astype(
            "f8" if name == "Position" else "f4")
        data = group.create_dataset(name, data=values, track_times=False)
        data.attrs["unit"] = np.bytes_(unit)
        detail = from_raw.get(name)
        data.attrs["description"] = np.bytes_((description + (": " + detail if detail else "")).encode())
