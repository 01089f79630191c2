#!/usr/bin/env python3
"""snapshot.py GALAXY.hdf5 FOLDER -- two galaxies in a snapshot of two files with a catalogue of Subfind, as IllustrisTNG has them.

The second galaxy is every third particle of the first, elsewhere in the box: something to try a catalogue on."""
import sys
from pathlib import Path

import h5py
import numpy as np

TYPES = 0, 4


def main(galaxy, folder):
    snapshot, groups = Path(folder, "snapdir_099"), Path(folder, "groups_099")
    for place in snapshot, groups:
        place.mkdir(parents=True, exist_ok=True)
    with h5py.File(galaxy) as file:
        header = dict(file["Header"].attrs)
        particles = {t: {name: (data[:], dict(data.attrs)) for name, data in file[f"PartType{t}"].items()} for t in TYPES}
        centre = np.median(file["PartType4/Coordinates"][:], axis=0)
    moved = np.array([4000.0, -2500.0, 1500.0]) / header["HubbleParam"]
    lengths = np.zeros((2, 6), "i4")
    for k, (rows, shift) in enumerate(((slice(None), 0.0), (slice(None, None, 3), moved))):
        with h5py.File(snapshot / f"snap_099.{k}.hdf5", "w") as file:
            for t in TYPES:
                group = file.create_group(f"PartType{t}")
                for name, (data, attributes) in particles[t].items():
                    values = data[rows] + shift if name in ("Coordinates", "CenterOfMass", "BirthPos") else data[rows]
                    group.create_dataset(name, data=values.astype(data.dtype)).attrs.update(attributes)
                lengths[k, t] = len(group["Coordinates"])
            file.create_group("Header").attrs.update(header)
    for k in range(2):
        with h5py.File(snapshot / f"snap_099.{k}.hdf5", "r+") as file:
            file["Header"].attrs.update({"NumPart_ThisFile": lengths[k], "NumPart_Total": lengths.sum(axis=0).astype("u4"),
                                         "NumFilesPerSnapshot": np.int32(2)})
    with h5py.File(groups / "fof_subhalo_tab_099.0.hdf5", "w") as file:
        file.create_group("Header").attrs.update({"Redshift": header["Redshift"], "Time": header["Time"], "NumFiles": 1})
        places = np.array([centre, centre + moved], "f4")
        for name, values in (("GroupLenType", lengths), ("GroupFirstSub", np.array([0, 1], "i4")),
                             ("GroupNsubs", np.array([1, 1], "i4")), ("GroupPos", places)):
            file[f"Group/{name}"] = values
        for name, values in (("SubhaloLenType", lengths), ("SubhaloGrNr", np.array([0, 1], "i4")), ("SubhaloPos", places)):
            file[f"Subhalo/{name}"] = values


if __name__ == "__main__":
    main(*sys.argv[1:])
