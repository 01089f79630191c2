"""Mode gradient against the oracle's gradient, which is written from doc/math.md in numpy: every
star's mass, age, metallicity, velocity and place.

Sizes of differences are in units of the largest derivative of that kind.  In ln M, ln age and ln Z,
so that stars of all masses and ages stand beside each other."""
import subprocess
import sys

import h5py
import numpy as np
import pytest

from harness import SOURCE, galaxy, run, shared, write_ssp
from oracle import cube as oracle
from oracle import gradient

Z = 0.05
FIXED = {"Redshift": Z, "Centre": (0.1, -0.2, 0.05), "SystemicVelocity": (5.0, -3.0, 8.0), "Orientation": "angles",
         "Alpha": 20.0, "Beta": 40.0, "Gamma": -65.0}
GEOMETRY = {"centre": (0.1, -0.2, 0.05), "velocity": (5.0, -3.0, 8.0), "orientation": "angles",
            "angles": (20.0, 40.0, -65.0)}
LEAVES = (("Mass", "mass"), ("Age", "age"), ("Metallicity", "z"), ("Velocity", "vel"), ("Position", "pos"))
MOFFAT = dict(psf="moffat", psf_curve=(5.0, -8e-4), psf_beta=2.8)
CASES = {"plain": ({}, {}), "tsc, psf, lsf": (dict(lsf_curve=(4.0,), roll=25.0, psf="gaussian", psf_curve=(5.0, -8e-4)),
                                              {"Deposit": "tsc", "Roll": 25.0}),
         "log, psf, lsf": (dict(lam=(5000.0, 5199.0, 9e-5), grid="log", lsf_curve=(4.0,), psf="gaussian",
                                psf_curve=(5.0, -8e-4)), {"Deposit": "tsc"}),
         "elongated": (dict(psf="gaussian", psf_curve=(1.1,), psf_axis_ratio=0.6, psf_angle=35.0), {}),
         "steps": (dict(lam=(5000.0, 5199.0, 0.0), grid="steps", listed=(-9.0, 2e-3), medium="air"), {}),
         "screen, clouds": (dict(lsf_curve=(4.0,)), {"Deposit": "tsc", "Dust": "screen", "DustLaw": "CCM89",
                                                     "DustScreen": 1.3, "BirthCloudTau": 0.8, "BirthCloudAge": 60.0}),
         "linear, cic": ({}, {"Deposit": "cic", "TemplateSemantic": "linear"})}


def observed(bench, star, parameters, **noise):
    """A cube of the same stars made a little older, richer, faster and heavier, with the noise of
    its photons: data, weight; and the file."""
    other = {**star, "age": star["age"] * 1.3, "z": star["z"] * 0.8, "vel": star["vel"] + 15.0,
             "mass": star["mass"] * 1.1}
    bench.particles(other, name="other.hdf5")
    path = bench.path("observed.fits")
    made = bench.cube(**{**FIXED, **parameters, "OutputFile": path, "Noise": "exposure", "ExposureTime": 3600.0,
                         "InputFile": bench.path("other.hdf5")})
    return path, made["DATA"], np.where(made["DQ"] & ~8, 0, 1 / made["STAT"])


def told(bench, path, parameters, name="cubix", threads=1, ranks=1):
    names = ",".join(leaf for leaf,
                     _ in LEAVES if leaf != "Position" or parameters.get("Deposit", "nearest") != "nearest")
    file = bench.parameters(**{**FIXED, **parameters, "Mode": "gradient", "ObservedFile": path, "Parameters": names})
    done = run(name, [file], ranks, threads, cwd=bench.folder, timeout=200)
    assert done.status == 0, done.err
    stem = str(bench.out)[:-5]
    with h5py.File(stem + "-gradient.hdf5") as f:
        return {leaf: item[()] for leaf, item in f["Stars"].items()}, float(np.ravel(f["Header"].attrs["Objective"])[0])


def differences(got, want, star):
    """{leaf: largest difference in units of the largest}, for ln mass, ln age, ln Z, v, place."""
    out = {}
    for leaf, name in LEAVES:
        if leaf not in got:
            continue
        unit = star[name] if name in ("mass", "age", "z") else 1.0
        a, b = got[leaf] * unit, getattr(want, name) * unit
        assert a.shape == b.shape and np.all(np.isfinite(a)) and np.abs(b).max() > 0, leaf
        out[leaf] = np.abs(a - b).max() / np.abs(b).max()
    return out


def setup(bench, n=90, **instrument):
    bench.instrument(8, 7, 0.5, lam=instrument.pop("lam", (5000.0, 5199.0, 1.0)), area=4e5, dark=1e-3, read_noise=3.0, n_pixel=4.0,
                     exposure=900.0, n_sky=40.0, **instrument)
    bench.ssp("mixed", fwhm=1.5)
    return galaxy(n, seed=5, radius=1.4)


def expect(bench, path_data_weight, parameters):
    deposit = parameters.get("Deposit", "nearest")
    seen = oracle.observe(bench.file, bench.ssp_file, bench.inst, Z,
                          semantic=parameters.get("TemplateSemantic", "spline"), deposit=deposit,
                          screen=(parameters["DustLaw"], parameters["DustScreen"]) if "Dust" in parameters else None,
                          birth=[parameters[x] for x in ("BirthCloudTau", "BirthCloudAge") if x in parameters],
                          **GEOMETRY)
    return gradient.chi2(seen, *path_data_weight, deposit=deposit)


def check(found):
    """float64 twin, float32 direct, histogram with its Tolerance 1e-4: masses and places, which are
    values of D, and, a derivative of D, velocities."""
    bounds = {"twin": (1e-11, 1e-11), "direct": (2e-6, 1e-5), "histogram": (1e-5, 5e-4)}
    for engine, each in found.items():
        for leaf, size in each.items():
            assert size <= bounds[engine][leaf == "Velocity"], (engine, leaf, found)


@pytest.mark.parametrize("case", CASES)
def test_against_the_oracle(bench, case):
    instrument, parameters = CASES[case]
    star = setup(bench, **dict(instrument))
    path, data, weight = observed(bench, star, parameters)
    bench.particles(star)
    want = expect(bench, (data, weight), parameters)
    twin, value = told(bench, path, {**parameters, "Engine": "direct"}, "cubix64")
    assert value == pytest.approx(want.value, rel=1e-11)
    found = {"twin": differences(twin, want, star)}
    found["direct"] = differences(told(bench, path, {**parameters, "Engine": "direct"}, threads=2)[0], want, star)
    if parameters.get("TemplateSemantic") != "linear":
        found["histogram"] = differences(told(bench, path, {**parameters, "Engine": "histogram", "Tolerance": 1e-4},
                                              ranks=2)[0], want, star)
    check(found)


def test_with_emiles(bench):
    """Real templates, with PSF and LSF; those near the band alone, since the oracle broadens them point by point."""
    done = subprocess.run([sys.executable, SOURCE / "scripts/cubix-ssp", "convert", "emiles", shared("data/ssp/emiles"),
                           bench.path("all.hdf5")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    star = setup(bench, 60, lsf_curve=(4.0,), **MOFFAT)
    with h5py.File(bench.path("all.hdf5")) as f:
        lam = f["Wavelength"][:]
        near = slice(*np.searchsorted(lam, (4500.0, 5250.0)))
        bench.ssp_file = write_ssp(bench.path("near.hdf5"), lam[near], f["Luminosity"][:, :, near], f["Age"][:],
                                   f["Metallicity"][:], f["LsfFwhm"][near])
    parameters = {"Deposit": "tsc"}
    path, data, weight = observed(bench, star, parameters)
    bench.particles(star)
    want = expect(bench, (data, weight), parameters)
    check({"twin": differences(told(bench, path, {**parameters, "Engine": "direct"}, "cubix64")[0], want, star),
           "direct": differences(told(bench, path, {**parameters, "Engine": "direct"})[0], want, star),
           "histogram": differences(told(bench, path, {**parameters, "Engine": "histogram", "Tolerance": 1e-4})[0],
                                    want, star)})


def test_the_oracle_against_differences_of_its_forward(bench):
    """Three stars of every kind of number; the fourth lies outside the field, the fifth beyond the
    library, and have exactly 0 where that is so."""
    star = setup(bench, 20, psf="gaussian", psf_curve=(0.9,))
    star["pos"][3], star["age"][4], star["z"][4] = (300, 300, 300), 40.0, 0.5
    bench.particles(star)
    rng = np.random.default_rng(2)
    shape = (200, 7, 8)
    data, weight = 0.0, rng.uniform(0.5, 1.5, shape)

    def value(s):
        bench.particles(s)
        return (weight
                * (data - oracle.observe(bench.file, bench.ssp_file, bench.inst, Z, deposit="tsc",
                                         **GEOMETRY).cube)**2).sum()

    data = 0.8 * oracle.observe(bench.file, bench.ssp_file, bench.inst, Z, deposit="tsc", **GEOMETRY).cube
    got = expect(bench, (data, weight), {"Deposit": "tsc"})
    for leaf, name in LEAVES:
        slope = getattr(got, name)
        for k in np.argsort(-np.abs(slope).reshape(len(slope), -1).max(axis=1))[:3]:
            at = (k, 1) if slope.ndim == 2 else k
            h = {"vel": 0.3, "pos": 1e-4}.get(name, 1e-4 * star[name][k])
            ends = []
            for x in (-h, h):
                moved = {key: a.copy() for key, a in star.items()}
                moved[name][at] += x
                ends.append(value(moved))
            assert (ends[1] - ends[0]) / (2 * h) == pytest.approx(slope[at], rel=1e-5,
                                                                  abs=1e-7 * np.abs(slope).max()), leaf
        assert np.all(slope[3] == 0), leaf
    assert got.age[4] == 0 and got.z[4] == 0 and got.mass[4] != 0


def test_stars_at_nodes_and_beyond(bench):
    """At a node of the library the derivative is that of the interval above; at its ends and
    beyond, and of what sheds no light, 0."""
    star = setup(bench, 20)
    star["pos"] *= 0.5                                      # all within the field
    star["age"][:6], star["z"][6:10] = (0.0, 0.05, 1.0, 4.0, 13.0, 40.0), (0.0, 1e-4, 0.02, 0.5)
    star["mass"][10], star["pos"][11] = 0.0, (300, 300, 300)
    path, data, weight = observed(bench, star, {})
    bench.particles(star)
    want = expect(bench, (data, weight), {})
    for engine, name in (("direct", "cubix64"), ("direct", "cubix"), ("histogram", "cubix")):
        got = told(bench, path, {"Engine": engine}, name)[0]
        check({"twin" if name == "cubix64" else engine: differences(got, want, star)})
        assert np.array_equal(got["Age"] == 0, want.age == 0) and np.array_equal(got["Metallicity"] == 0, want.z == 0)
        assert np.all(got["Age"][[0, 4, 5, 10, 11]] == 0)
        assert np.all(got["Metallicity"][[6, 7, 9, 10, 11]] == 0)
        assert np.all(got["Age"][[1, 2, 3]] != 0)
        assert got["Mass"][10] != 0 and got["Mass"][11] == 0 and np.all(got["Velocity"][[10, 11]] == 0)
