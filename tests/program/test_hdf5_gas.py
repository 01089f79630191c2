"""Gas of the simulations that write HDF5: each format on a file made from its code's tables, and real files."""
import h5py
import numpy as np
import pytest

import snapshots as snap
from dumps import read_gas, refuse_gas
from harness import shared, within

MP_KB = 1.67262192369e-24 / 1.380649e-16
SAME = {"position": "pos", "velocity": "vel", "mass_now": "mass_now", "metallicity": "z", "density": "rho", "sfr": "sfr",
        "hydrogen": "hydrogen", "oxygen": "oxygen", "dust_mass": "dust_mass", "molecular": "molecular"}


def expected(code, s):
    """Temperatures from energies where none are written, kernels of cells from their volumes."""
    written = {x[0] for x in snap.GAS[code].values()} | ({"z"} if code in ("GIZMO", "Simba", "SWIFT-GEAR", "Magneticum")
                                                        else set())
    written |= {"oxygen", "hydrogen"} if code in ("GIZMO", "Simba", "Magneticum") else set()
    out = {name: s[key] for name, key in SAME.items() if key in written}
    if code == "Magneticum":
        out["oxygen"] = s["oxygen"] * s["z"] / s["z"].max()
    x_e = s["x_e"] if "x_e" in written else None
    if "temperature" in written:
        out["temperature"] = s["temperature"]
    elif x_e is not None:
        x = s["hydrogen"] if "hydrogen" in written else 0.76
        out["temperature"] = 2 / 3 * s["u"] * 1e10 * MP_KB * 4 / (1 + 3 * x + 4 * x * x_e)
    out["smoothing_length"] = (s["hsml"] if written & {"hsml", "fwhm"} else
                               2.5 * (3 * s["mass_now"] / s["rho"] / (4 * np.pi))**(1 / 3))
    return out


def same(got, want, tolerance=1e-6):
    for name, x in want.items():
        assert np.all(np.abs(got[name] - x) <= tolerance * np.abs(x) + 1e-300), f"{name}: {got[name][:3]}, not {x[:3]}"


@pytest.mark.parametrize("code", snap.GAS)
def test_each_format(tmp_path, code):
    s = snap.gas()
    file = snap.write_gas(tmp_path / "g.hdf5", code, s)
    first = None
    for ranks in (1, 3):
        got = read_gas(tmp_path, ranks, InputFile=file)
        want = expected(code, s)
        same(got, want, 4e-4 if code in ("Magneticum", "HorizonAGN", "EAGLE") else 1e-6)
        first = first or got
        assert all(np.array_equal(got[k], first[k]) for k in want)


def test_1_3_no_star_formation_below_0(tmp_path):
    """SWIFT writes there when stars formed last: no rate."""
    s = snap.gas()
    file = snap.write_gas(tmp_path / "g.hdf5", "SWIFT", {**s, "sfr": np.where(s["sfr"] > 0, s["sfr"], -0.6)})
    same(read_gas(tmp_path, InputFile=file), {"sfr": s["sfr"]})


@pytest.mark.parametrize("kernel, support", [("Cubic spline (M4)", 1.825742), ("Quintic spline (M6)", 2.195775),
                                             ("Wendland C2", 1.936492)])
def test_1_3_smoothing_lengths_are_no_radii(tmp_path, kernel, support):
    """The kernel's name says how many of them its radius has; without it the volume does."""
    s = snap.gas()
    edit = lambda f: f["HydroScheme"].attrs.__setitem__("Kernel function", np.array([kernel], "S40"))
    same(read_gas(tmp_path, InputFile=snap.write_gas(tmp_path / "g.hdf5", "SWIFT", s, edit)),
         {"smoothing_length": s["fwhm"] * support})
    file = snap.write_gas(tmp_path / "g.hdf5", "SWIFT", s, lambda f: f.__delitem__("HydroScheme"))
    same(read_gas(tmp_path, InputFile=file),
         {"smoothing_length": 2.5 * (3 * s["mass_now"] / s["rho"] / (4 * np.pi))**(1 / 3)})


@pytest.mark.parametrize("code, cgs, a, h", [("HorizonAGN", 6.304e17, 0, 0), ("Magneticum", 6.306e35, 0, -1)])
def test_1_7_star_formation_rates_whose_attributes_are_wrong(tmp_path, code, cgs, a, h):
    """They say 1e8 too little and 1e10/h too much: the numbers are Msun/yr."""
    s = snap.gas()
    edit = lambda f: f["PartType0/StarFormationRate"].attrs.update(dict(zip(snap.EAGLE, ([a], [h], [cgs]))))
    same(read_gas(tmp_path, InputFile=snap.write_gas(tmp_path / "g.hdf5", code, s, edit)), {"sfr": s["sfr"]})


def test_simspin_oxygen_is_not_hydrogen(tmp_path):
    """SimSpin exchanges them for Magneticum: its oxygen is 0.7."""
    s = snap.gas()
    got = read_gas(tmp_path, InputFile=snap.write_gas(tmp_path / "g.hdf5", "Magneticum", s))
    assert 0 < got["oxygen"].max() < 0.02
    assert 0.5 < got["hydrogen"].min() and np.all(np.abs(got["hydrogen"] - s["hydrogen"]) < 4e-4)


def test_simspin_gas_of_n_body_runs(tmp_path):
    """SimSpin looks for Velocity and Mass there."""
    s = {**snap.gas(redshift=0.0), "a": 1.0}
    stars = {**snap.isolated(snap.galaxy(40, seed=2)), "a": 1.0}
    file = snap.write_isolated(tmp_path / "g.hdf5", "Gadget", stars, types=(2,))
    with h5py.File(file, "r+") as f:
        snap.write_datasets(f, "PartType0", s, snap.GAS["Gadget"], None, 1.0, 1.0)
    same(read_gas(tmp_path, 2, InputFile=file), expected("Gadget", s))


def test_what_gas_lacks(tmp_path):
    """Metals without columns have no oxygen; a file without gas says so."""
    s = snap.gas()

    def edit(f):
        del f["PartType0/Metallicity"]
        f["PartType0/Metallicity"] = s["z"]
    got = read_gas(tmp_path, InputFile=snap.write_gas(tmp_path / "g.hdf5", "GIZMO", s, edit))
    assert "oxygen" not in got and "hydrogen" not in got
    same(got, {"metallicity": s["z"]})
    file = snap.write_gas(tmp_path / "g.hdf5", "GIZMO", s, lambda f: f.__delitem__("PartType0"))
    assert "holds no gas: /PartType0 is missing or empty" in refuse_gas(tmp_path, InputFile=file).err


def test_real_colibre(tmp_path):
    got = read_gas(tmp_path, 2, InputFile=shared("data/simulations/colibre_swift.hdf5"))
    assert len(got["mass_now"]) == 62 and within(got["sfr"].sum(), 0.5876, rtol=2e-3)
    assert within([got["temperature"].min(), got["temperature"].max()], [85, 1.35e4], rtol=1e-2)
    with h5py.File(shared("data/simulations/colibre_swift.hdf5")) as f:
        g = f["PartType0"]
        assert within(got["density"], g["Densities"][:] * 10, rtol=1e-4)
        assert within(got["oxygen"], g["ElementMassFractions/Oxygen"][:], rtol=1e-12)


def test_real_gadget_4(tmp_path):
    folder = shared("data/simulations/gadget4_run/snapdir_001")
    got = read_gas(tmp_path, 3, InputFile=folder)
    parts = []
    for k in (0, 1):
        with h5py.File(folder / f"snapshot_001.{k}.hdf5") as f:
            a = float(f["Header"].attrs["Time"])
            parts.append({k: f["PartType0"][k][:].astype("f8") for k in ("Masses", "Density", "SmoothingLength",
                                                                         "StarFormationRate", "InternalEnergy",
                                                                         "ElectronAbundance", "Metallicity")})
    g = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
    h = 0.6774
    same(got, {"mass_now": g["Masses"] * 1e10 / h, "density": g["Density"] * 1e10 * h**2 / a**3,
               "smoothing_length": g["SmoothingLength"] * a / h, "sfr": g["StarFormationRate"],
               "metallicity": g["Metallicity"], "temperature": 2 / 3 * g["InternalEnergy"] * 1e10 * MP_KB * 4
               / (1 + 3 * 0.76 + 4 * 0.76 * g["ElectronAbundance"])}, 1e-3)
    assert len(got["mass_now"]) == 13745
