"""The commands of doc/snapshots.md, on snapshots and catalogues with the names that it gives them."""
import re
import shlex

import h5py
import numpy as np
import pytest

from harness import SOURCE, Bench, read_cube, run, write_parameters
from program.test_catalogue import Z, place, universe, write_members, write_subfind
from program.test_reader import raw_stars, write_raw
from snapshots import born, galaxy, write

COMMANDS = [line for line in (SOURCE / "doc/snapshots.md").read_text().splitlines() if re.match("cubix(-extract)? ", line)]


def tng(folder, bench):
    """Subhaloes 0 and 2 of group 0, each within a kpc of the place that the catalogue gives."""
    s, subs, fuzz = universe()
    out = folder / "output"
    out.mkdir()
    cat, _, centre = write_subfind(out / "groups_099", s, subs, fuzz, offsets=folder / "postprocessing/offsets")
    for sub in (0, 2):
        rows = list(place(subs, fuzz, 0, sub))
        s["pos"][rows] = centre[sub] + np.random.default_rng(sub).normal(0, 0.2, (len(rows), 3))
    write_members(out / "snapdir_099", s, [9])


def gadget4(folder, bench):
    s = born(galaxy(40, seed=2, centre=(9000, 8000, 7000)), 0.25)
    for name in ("snapdir_001", "groups_001"):
        (folder / "output" / name).mkdir(parents=True)
    write(folder / "output/snapdir_001/snapshot_001.hdf5", "Gadget-4", s)
    with h5py.File(folder / "output/groups_001/fof_subhalo_tab_001.hdf5", "w") as f, \
            h5py.File(folder / "output/snapdir_001/snapshot_001.hdf5") as snap:
        f.create_group("Header").attrs.update({"Redshift": 0.25, "NumFiles": 1})
        f["Subhalo/SubhaloLenType"] = np.array([[0, 0, 0, 0, n, 0] for n in (4, 6, 29)])
        f["Subhalo/SubhaloOffsetType"] = np.array([[0, 0, 0, 0, n, 0] for n in (0, 4, 10)])
        f["Subhalo/SubhaloPos"] = np.tile(np.median(snap["PartType4/Coordinates"][:], axis=0), (3, 1))


def eagle(folder, bench):
    for name in ("snapshot_028", "groups_028"):
        (folder / name).mkdir()
    s = raw_stars(60, family="eagle")
    s["pos"] = 20 + np.random.default_rng(1).normal(0, 2e-4, (60, 3))
    s["GroupNumber"], s["SubGroupNumber"] = np.arange(60) % 2 + 1, np.arange(60) // 2 % 2
    write_raw(folder / "snapshot_028/snap_028.0.hdf5", s, "eagle", dtypes={"GroupNumber": "i4", "SubGroupNumber": "i4"})
    with h5py.File(folder / "groups_028/eagle_subfind_tab_028.0.hdf5", "w") as f:
        f.create_group("Header").attrs["Redshift"] = Z
        f["Subhalo/GroupNumber"], f["Subhalo/SubGroupNumber"] = np.array([1, 1, 2, 2]), np.array([0, 1, 0, 1])
        f["Subhalo/CentreOfPotential"] = np.full((4, 3), 20.0)


def swift(folder, bench):
    s = born(galaxy(40, seed=2, centre=(9000, 8000, 7000)), 0.25)
    path = write(folder / "colibre_0127.hdf5", "SWIFT", s)
    with h5py.File(path, "r+") as f:
        f["PartType4/GroupNr_bound"] = np.where(np.arange(len(s["pos"])) < 30, 17, -1).astype("i4")
        centre = np.median(f["PartType4/Coordinates"][:], axis=0)
    (folder / "SOAP").mkdir()
    with h5py.File(folder / "SOAP/halo_properties_0127.hdf5", "w") as f:
        f["InputHalos/HaloCatalogueIndex"] = np.array([3, 17])
        f["InputHalos/HaloCentre"] = np.tile(centre, (2, 1))
        f["InputHalos/HaloCentre"].attrs.update({"a-scale exponent": 1.0, "Value stored as physical": 0,
                                                "Conversion factor to CGS (not including cosmological corrections)":
                                                3.0856775814913673e24})


@pytest.mark.parametrize("make, snapshot", [(tng, "snapdir_099"), (eagle, "snapshot_028"), (swift, "colibre"),
                                            (gadget4, "snapdir_001")])
def test_the_commands(tmp_path, make, snapshot):
    bench = Bench(tmp_path)
    bench.instrument(n_x=60, n_y=60)
    bench.ssp()
    make(tmp_path, bench)
    write_parameters(tmp_path / "galaxy.param", InputFile="none", OutputFile="none.fits", SspFile=bench.ssp_file,
                     Instrument=bench.inst_file, SanityCheck="warn", Lsf="none")
    mine = [c for c in COMMANDS if snapshot in c or (make is tng and "InputFile=galaxy.hdf5" in c)]
    assert len(mine) >= 1
    for command in mine:
        program, *args = shlex.split(command)
        done = run(program, args, cwd=tmp_path)
        assert done.status == 0, f"{command}\n{done.err}"
    for path in tmp_path.glob("*.fits"):
        assert read_cube(path)["DATA"].max() > 0, path
    if make is tng:
        assert {"tng.fits", "tng_2.fits", "tng_0.fits", "galaxy.fits", "galaxy_2.hdf5",
                "galaxy_0.hdf5"} <= {p.name for p in tmp_path.iterdir()}
        assert np.array_equal(read_cube(tmp_path / "tng.fits")["DATA"], read_cube(tmp_path / "galaxy.fits")["DATA"])


def test_every_command_is_run():
    assert len(COMMANDS) == 8
