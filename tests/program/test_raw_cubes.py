"""From files of Gadget's binary formats, Tipsy and RAMSES to the cube, against the oracle, as test_hdf5_cubes.py: it is
given the stars that were written, or that numpy reads in real files, and knows nothing of formats."""
import subprocess
import sys

import h5py
import numpy as np
import pytest

import gadget_lab
import test_gadget_real as real
import test_ramses as ramses
import test_tipsy as tipsy
from harness import SOURCE, shared, write_ssp
from test_hdf5_cubes import check, muse
from test_hdf5_formats import demo  # noqa: F401  (a fixture)

@pytest.fixture(scope="module")
def emiles(tmp_path_factory):
    """E-MILES near the band: the oracle broadens templates point by point."""
    folder = tmp_path_factory.mktemp("emiles")
    done = subprocess.run([sys.executable, SOURCE / "scripts/cubix-ssp", "convert", "emiles", shared("data/ssp/emiles"),
                           folder / "all.hdf5"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with h5py.File(folder / "all.hdf5") as f:
        lam = f["Wavelength"][:]
        near = slice(*np.searchsorted(lam, (6200.0, 6650.0)))
        return write_ssp(folder / "near.hdf5", lam[near], f["Luminosity"][:, :, near], f["Age"][:], f["Metallicity"][:],
                         f["LsfFwhm"][near])


N = 150
GALAXY = np.random.default_rng(7).normal(0, 0.25, (N, 3))              # kpc


@pytest.mark.parametrize("form", [1, 2])
@pytest.mark.parametrize("order", "<>")
def test_gadget_binary(bench, demo, form, order):  # noqa: F811
    lab = gadget_lab
    s = {0: lab.gas(20), 1: lab.particles(30, 3), 4: lab.stars(N)}
    s[4]["POS"] = (3000 + GALAXY * lab.HUBBLE / lab.A).astype("f4")
    muse(bench, demo)
    file = lab.Snapshot(s).write(bench.path("snap"), lab.ALL, form, order)
    got = check(bench, file, lab.expected(s[4]), lab.COSMOLOGY, **lab.blocks_of(form))
    assert got["header"]["PRIMARY"]["SIMFMT"] == "GadgetBinary"


@pytest.mark.parametrize("order, header, doubles", [(">", 32, 0), ("<", 28, 2)])
def test_tipsy(bench, demo, order, header, doubles):  # noqa: F811
    s = tipsy.particles(n_star=N)
    s["star"]["pos"] = 0.1 + GALAXY / (tipsy.units()[0] * tipsy.A)
    s["star"]["tform"][::10] *= -1                                       # black holes
    muse(bench, demo)
    want = tipsy.expected(s, s["star"]["tform"] > 0, doubles)
    file = tipsy.write(bench.path("g.000001"), s, order=order, header=header, doubles=doubles)
    cosmo = (tipsy.PARAM["dOmega0"], tipsy.PARAM["dLambda"], tipsy.units()[4])
    got = check(bench, file, {**want, "formed": want["now"]}, cosmo, StarInitialMass="current")
    assert got["header"]["PRIMARY"]["SIMFMT"] == "Tipsy"


@pytest.mark.parametrize("fields, real", [(ramses.NEW, "f8"), (ramses.OLD, "f4")], ids=["new", "old"])
def test_ramses(bench, demo, fields, real):  # noqa: F811
    parts = [ramses.particles(N, 1), ramses.particles(0, 2), ramses.particles(N, 3)]
    for p in parts:
        p["position"] = 0.5 + GALAXY[:len(p["mass"])] * ramses.KPC / ramses.INFO["unit_l"]
    muse(bench, demo)
    output = ramses.write_output(bench.folder, parts, fields, fields == ramses.NEW, real=real)
    got = check(bench, output, ramses.expected(ramses.together(parts), real=real), (ramses.OM, ramses.OL, ramses.H0 / 100))
    assert got["header"]["PRIMARY"]["SIMFMT"] == "RAMSES"


# ---- real files ----------------------------------------------------------------------------------

def around(want, n_th, box):
    """A centre, near the star in the midst of most others but so that this one is on no spaxel's side, and the images of
    all stars that are nearest to it."""
    def away(centre):
        d = want["pos"] - centre
        return d - box * np.round(d / box)
    best = max(range(0, len(want["pos"]), n_th), key=lambda i: (np.abs(away(want["pos"][i])) < 2).all(1).sum())
    centre = want["pos"][best] + (0.011, 0.017, 0.013)
    return tuple(centre), {**want, "pos": centre + away(centre)}


@pytest.mark.parametrize("library", ["demo", "emiles"])
def test_real_ramses(bench, request, library):
    want, box, cosmo = ramses.real_stars()
    centre, want = around(want, 10, box)
    muse(bench, request.getfixturevalue(library), 20)
    check(bench, shared(ramses.REAL), want, cosmo, centre, True, SanityCheck="warn")


@pytest.mark.parametrize("library", ["demo", "emiles"])
def test_real_tipsy(bench, request, library):
    want, a, file = tipsy.real_stars()
    centre, want = around(want, 1, tipsy.PARAM["dKpcUnit"] * a)
    muse(bench, request.getfixturevalue(library), 20, 1.0)
    cosmo = (tipsy.PARAM["dOmega0"], tipsy.PARAM["dLambda"], tipsy.units()[4])
    check(bench, file, {**want, "formed": want["now"]}, cosmo, centre, True, StarInitialMass="current", SanityCheck="warn")


def test_real_gadget_format_2(bench, demo):  # noqa: F811
    """Its header of 192 bytes, and blocks behind their labels, by numpy."""
    om, ol, h = 0.3089, 0.6911, 0.6774
    parts = []
    for k in range(2):
        records = real.records_of(real.simulation(f"gadget4_run/snap_g4_format2_001.{k}"))
        block = {label[:4].decode().strip(): data for label, data in zip(records[::2], records[1::2])}
        n, mass = np.frombuffer(block["HEAD"], "<u8", 6).astype(int), np.frombuffer(block["HEAD"], "<f8", 6, 96)
        a = np.frombuffer(block["HEAD"], "<f8", 1, 144)[0]
        last = {key: np.frombuffer(block[key], f"<f{len(block[key]) // (3 * n.sum())}").reshape(-1, 3)[-n[4]:]
                for key in ("POS", "VEL")}
        assert n[5] == 0 and mass[4] == 0
        last.update({key: np.frombuffer(block[key], "<f4")[-n[4]:] for key in ("MASS", "AGE", "Z")})
        parts.append({key: x.astype("f8") if n[4] else x[:0].astype("f8") for key, x in last.items()})
    x = {key: np.concatenate([p[key] for p in parts]) for key in parts[0]}
    age = gadget_lab.age_of_universe(a, om, ol, h) - gadget_lab.age_of_universe(x["AGE"], om, ol, h)
    want = {"pos": x["POS"] * a / h, "vel": x["VEL"] * np.sqrt(a), "now": x["MASS"] * 1e10 / h, "formed": x["MASS"] * 1e10 / h,
            "z": x["Z"], "age": np.maximum(age, 0)}
    centre, want = around(want, 1, 4000 * a / h)
    muse(bench, demo, 20, 1.5)
    check(bench, real.simulation("gadget4_run/snap_g4_format2_001.0"), want, (om, ol, h), centre, True, SanityCheck="warn",
          OmegaMatter=om, OmegaLambda=ol, HubbleParam=h)
