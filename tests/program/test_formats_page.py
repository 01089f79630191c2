"""The commands of doc/formats.md, one for each simulation, on files with the names that it gives them."""
import re
import shlex

import h5py
import numpy as np
import pytest

from harness import SOURCE, Bench, galaxy, read_cube, run, write_parameters
from program import gadget_lab, test_ramses, test_tipsy
from snapshots import born, isolated, write, write_isolated

TEXT = (SOURCE / "doc/formats.md").read_text().replace(" \\\n", " ")
COMMANDS = [line for line in TEXT.splitlines() if re.match(r"cubix \w+\.param ", line)]


def at(centre=(9000, 8000, 7000), redshift=0.25):
    return born(galaxy(120, seed=2, centre=centre), redshift)


def code(name, path, centre=(9000, 8000, 7000), redshift=0.25):
    def make(folder):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write(folder / path, name, at(centre, redshift))
    return make


def nbody(folder):
    write_isolated(folder / "nbody.hdf5", "Gadget", isolated(galaxy(120, seed=2)), types=(2, 3))


def gadget_binary(folder):
    disc = {t: gadget_lab.particles(60, t) for t in (2, 3)}
    for x in disc.values():
        x["POS"] = np.random.default_rng(1).normal(0, 2, (60, 3)).astype("f4")
    gadget_lab.Snapshot(disc, time=1.0, redshift=0.0, cosmology=(0, 0, 1)).write(folder / "snap_002",
                                                                                 ["POS", "VEL", "ID", "MASS"], 2)


def tipsy(folder):
    test_tipsy.write(folder / "tiny.000640", test_tipsy.particles(n_star=60))


def ramses(folder):
    """About the place that the command names, in a box of 801.3 kpc."""
    p = test_ramses.particles(80)
    box = test_ramses.INFO["unit_l"] / test_ramses.KPC
    p["position"] = (np.array([772.4, 324, 584.2]) + np.random.default_rng(3).normal(0, 0.5, (80, 3))) / box
    test_ramses.write_output(folder, [p], number="00002")


MAKERS = {
    "tng.fits": code("IllustrisTNG", "cutout_99_167392.hdf5"),
    "auriga.fits": code("Auriga", "snapdir_127/snapshot_127.0.hdf5", (28097, 27889, 30646)),
    "eagle.fits": code("EAGLE", "eagle_galaxy.hdf5"),
    "arepo.fits": code("AREPO", "output/snap_010.hdf5"),
    "nbody.fits": nbody,
    "gadget4.fits": code("Gadget-4", "output/snapdir_001/snapshot_001.hdf5"),
    "colibre.fits": code("SWIFT", "colibre_0127.hdf5", (28709, 40108, 18211)),
    "gear.fits": code("SWIFT-GEAR", "snapshot_0048.hdf5"),
    "fire.fits": code("GIZMO", "snapdir_600/snapshot_600.0.hdf5", (41792.1, 44131.2, 46267.7)),
    "simba.fits": code("Simba", "snap_m25n512_151.hdf5", (9000, 8000, 7000)),
    "magneticum.fits": code("Magneticum", "magneticum_galaxy.hdf5"),
    "horizon.fits": code("HorizonAGN", "horizon_galaxy.hdf5"),
    "my.fits": gadget_binary,
    "gasoline.fits": tipsy,
    "ramses.fits": ramses,
}


def output_of(command):
    return re.search(r"OutputFile=(\S+)|$", command).group(1) or "my.fits"


@pytest.mark.parametrize("command", COMMANDS, ids=output_of)
def test_the_command(tmp_path, command):
    bench = Bench(tmp_path)
    bench.instrument(n_x=60, n_y=60)
    with h5py.File(bench.ssp(name="bc03.hdf5"), "r+") as f:
        f["SurvivingMass"] = np.full((len(f["Metallicity"]), len(f["Age"])), 0.6)
        f["SurvivingMass"].attrs.update({"unit": "1", "description": "of a test"})
    MAKERS[output_of(command)](tmp_path)
    program, parameters, *more = shlex.split(command)
    write_parameters(tmp_path / parameters, InputFile="none", OutputFile="my.fits", SspFile="bc03.hdf5", Lsf="none",
                     Instrument=bench.inst_file, Redshift=0.05, SanityCheck="warn", HubbleParam=0.7, OmegaMatter=0.3,
                     OmegaLambda=0.7)
    done = run(program, [parameters, *more], cwd=tmp_path)
    assert done.status == 0, f"{command}\n{done.err}"
    cube = read_cube(tmp_path / output_of(command))
    assert cube["DATA"].max() > 0 and cube["NSTAR"].sum() > 20


def test_every_command_is_run():
    assert sorted(map(output_of, COMMANDS)) == sorted(MAKERS)
