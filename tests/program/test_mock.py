"""cubix-mock: the IllustrisTNG layout to the letter, a galaxy that is what doc/mock.md says, and
the same file whoever writes it."""
import time

import h5py
import numpy as np
import pytest

from harness import run, shared, within
from oracle import cosmology

COSMO = (0.3089, 0.6911, 0.6774)
CM, G, CMS = 3.085678e21, 1.989e43, 1e5
LENGTH, MASS, NONE = (1, -1, 1, 0, 0, CM), (0, -1, 0, 1, 0, G), (0, 0, 0, 0, 0, 0)
VELOCITY, DENSITY, ENERGY = (0.5, 0, 0, 0, 1, CMS), (-3, 2, -3, 1, 0, G / CM**3), (0, 0, 0, 0, 2, CMS**2)
POTENTIAL, DISPERSION = (-1, 0, 0, 0, 2, CMS**2), (0, 0, 0, 0, 1, CMS)
ATTRIBUTES = ("a_scaling", "h_scaling", "length_scaling", "mass_scaling", "velocity_scaling", "to_cgs")

# type, components, attributes: as in the snapshots of the TNG data release
STARS = {
    "BirthPos": ("f4", 3, LENGTH), "BirthVel": ("f4", 3, VELOCITY), "Coordinates": ("f8", 3, LENGTH),
         "GFM_InitialMass": ("f4", 1, MASS),
    "GFM_Metallicity": ("f4", 1, NONE), "GFM_Metals": ("f4", 10, NONE), "GFM_MetalsTagged": ("f4", 6, NONE),
         "GFM_StellarFormationTime": ("f4", 1, NONE),
    "GFM_StellarPhotometrics": ("f4", 8, NONE), "Masses": ("f4", 1, MASS), "ParticleIDs": ("u8", 1, NONE),
         "Potential": ("f4", 1, POTENTIAL),
    "StellarHsml": ("f4", 1, LENGTH), "SubfindDMDensity": ("f4", 1, DENSITY), "SubfindDensity": ("f4", 1, DENSITY),
         "SubfindHsml": ("f4", 1, LENGTH),
    "SubfindVelDisp": ("f4", 1, DISPERSION), "Velocities": ("f4", 3, VELOCITY)}
GAS = {
    "CenterOfMass": ("f4", 3, LENGTH), "Coordinates": ("f8", 3, LENGTH), "Density": ("f4", 1, DENSITY),
       "ElectronAbundance": ("f4", 1, NONE),
    "EnergyDissipation": ("f4", 1, (-1, 0, -1, 1, 3, G * CMS**3 / CM)),
       "GFM_AGNRadiation": ("f4", 1, (0, 0, -3, 1, 3, 1)),
    "GFM_CoolingRate": ("f4", 1, (0, 0, 0, 0, 0, 1)), "GFM_Metallicity": ("f4", 1, NONE),
       "GFM_Metals": ("f4", 10, NONE), "GFM_MetalsTagged": ("f4", 6, NONE),
    "GFM_WindDMVelDisp": ("f4", 1, DISPERSION), "GFM_WindHostHaloMass": ("f4", 1, MASS),
       "InternalEnergy": ("f4", 1, ENERGY), "Machnumber": ("f4", 1, NONE),
    "MagneticField": ("f4", 3, (-2, 1, -1.5, 0.5, 1, 2.60191e-6)),
       "MagneticFieldDivergence": ("f4", 1, (-3, 2, -2.5, 0.5, 1, 2.60191e-6 / CM)),
    "Masses": ("f4", 1, MASS), "NeutralHydrogenAbundance": ("f4", 1, NONE), "ParticleIDs": ("u8", 1, NONE),
       "Potential": ("f4", 1, POTENTIAL),
    "StarFormationRate": ("f4", 1, (0, 0, -1, 1, 1, 6.30276067e25)), "SubfindDMDensity": ("f4", 1, DENSITY),
       "SubfindDensity": ("f4", 1, DENSITY),
    "SubfindHsml": ("f4", 1, LENGTH), "SubfindVelDisp": ("f4", 1, DISPERSION), "Velocities": ("f4", 3, VELOCITY)}
MINIMAL = {"PartType4": {"Coordinates", "Velocities", "Masses", "GFM_InitialMass", "GFM_Metallicity",
                         "GFM_StellarFormationTime", "ParticleIDs", "Potential"},
           "PartType0": {"Coordinates", "Velocities", "Masses", "Density", "InternalEnergy", "ElectronAbundance",
                         "StarFormationRate", "GFM_Metallicity",
                         "GFM_Metals", "NeutralHydrogenAbundance", "ParticleIDs"}}
HEADER = {"BoxSize": "f8", "HubbleParam": "f8", "MassTable": "f8", "NumFilesPerSnapshot": "i4",
          "NumPart_ThisFile": "i4", "NumPart_Total": "u4",
          "NumPart_Total_HighWord": "u4", "Omega0": "f8", "OmegaBaryon": "f8", "OmegaLambda": "f8", "Redshift": "f8",
          "Time": "f8", "UnitLength_in_cm": "f8",
          "UnitMass_in_g": "f8", "UnitVelocity_in_cm_per_s": "f8"}


def mock(path, *options, ranks=1, status=0, **kw):
    done = run("cubix-mock", [*options, path], ranks=ranks, **kw)
    assert done.status == status, done.out + done.err
    return done


def read(*paths):
    """{group/name: array} of all pieces in order, and the header of the first."""
    out = {}
    for path in paths:
        with h5py.File(path) as f:
            for group in ("PartType0", "PartType4"):
                for name in f.get(group, ()):
                    out.setdefault(f"{group}/{name}", []).append(f[group][name][()])
    with h5py.File(paths[0]) as f:
        return {k: np.concatenate(v) for k, v in out.items()}, dict(f["Header"].attrs)


class Galaxy:
    """A mock as a reader sees it, physical units, about its true centre; its axes turned back by the inclination."""

    def __init__(self, *paths, inclination=0.0):
        data, self.head = read(*paths)
        a, h, box = self.head["Time"], self.head["HubbleParam"], self.head["BoxSize"]
        i = np.radians(inclination)
        back = np.array([[1, 0, 0], [0, np.cos(i), np.sin(i)], [0, -np.sin(i), np.cos(i)]])

        def place(group):
            x = data[f"{group}/Coordinates"] - self.head["MockCentre"]
            return (x - box * np.round(x / box)) * a / h @ back.T, (data[f"{group}/Velocities"] * np.sqrt(a)
                                                                    - self.head["MockVelocity"]) @ back.T

        form = data["PartType4/GFM_StellarFormationTime"].astype(float)
        self.wind = form <= 0
        star = {k.split("/")[1]: v[~self.wind] for k, v in data.items() if k.startswith("PartType4")}
        self.raw = data
        self.star = star
        self.x, self.v = (q[~self.wind] for q in place("PartType4"))
        self.age_now = cosmology.age(a, *COSMO)
        scale = np.linspace(1e-4, a, 20001)
        self.age = self.age_now - np.interp(form[~self.wind], scale, [cosmology.age(s, *COSMO) for s in scale])
        self.formed, self.now = (star[k].astype(float) * 1e10 / h for k in ("GFM_InitialMass", "Masses"))
        self.z = star["GFM_Metallicity"].astype(float)
        self.radius = np.hypot(self.x[:, 0], self.x[:, 1])
        self.v_phi = (self.x[:, 0] * self.v[:, 1] - self.x[:, 1] * self.v[:, 0]) / self.radius
        if "PartType0/Coordinates" in data:
            self.gas_x, self.gas_v = place("PartType0")
            self.gas_mass = data["PartType0/Masses"].astype(float) * 1e10 / h
            self.sfr = data["PartType0/StarFormationRate"].astype(float)


@pytest.fixture(scope="module")
def galaxy(tmp_path_factory):
    path = tmp_path_factory.mktemp("mock") / "galaxy.hdf5"
    mock(path, "--stars", 200001, "--gas=30000", "--winds", 50, "--redshift", 0.1, "--seed", 5)
    return Galaxy(path)


# ---- layout --------------------------------------------------------------------------------------

def test_layout(tmp_path):
    mock(tmp_path / "g.hdf5", "--stars", 300, "--gas", 200, "--redshift", 0.5)
    with h5py.File(tmp_path / "g.hdf5") as f:
        assert set(f) == {"Header", "PartType0", "PartType4"}
        for group, fields, n in (("PartType4", STARS, 300), ("PartType0", GAS, 200)):
            assert set(f[group]) == set(fields)
            for name, (kind, width, attributes) in fields.items():
                d = f[group][name]
                assert d.dtype == np.dtype("<" + kind) and d.shape == ((n,) if width == 1 else (n, width)), name
                assert d.chunks is None and d.compression is None
                assert set(d.attrs) == set(ATTRIBUTES), name
                assert [d.attrs[k] for k in ATTRIBUTES] == pytest.approx(attributes, rel=1e-7), name
                assert np.isfinite(d[()]).all(), name
        head = f["Header"].attrs
        for name, kind in HEADER.items():
            assert head[name].dtype == np.dtype("<" + kind), name
        assert head["Time"] == 1 / 1.5
        assert head["Redshift"] == 0.5
        assert head["NumFilesPerSnapshot"] == 1
        assert b"TNG" in head["SimulationName"]
        assert list(head["NumPart_Total"]) == list(head["NumPart_ThisFile"]) == [200, 0, 0, 0, 300,
                                                                                 0] and not head["MassTable"].any()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["g.hdf5"]


def test_layout_is_that_of_a_real_cutout(tmp_path):
    mock(tmp_path / "g.hdf5", "--stars", 30, "--gas", 20)
    with h5py.File(shared("data/simulations/illustris_tng.hdf5")) as real, h5py.File(tmp_path / "g.hdf5") as f:
        checked = 0
        for group in ("PartType0", "PartType4"):
            for name, d in real[group].items():
                mine = f[group][name]
                assert mine.shape[1:] == d.shape[1:], name
                for key in d.attrs:
                    assert mine.attrs[key] == pytest.approx(float(d.attrs[key][0]), rel=1e-6), (name, key)
                    checked += 1
        assert checked > 40
        cutout_only = {"CutoutID", "CutoutRequest", "Git_commit", "Git_date", "RunLabel", "SnapshotNumber"}
        assert set(real["Header"].attrs) - cutout_only <= set(f["Header"].attrs)
        for key in ("UnitLength_in_cm", "UnitMass_in_g", "UnitVelocity_in_cm_per_s", "HubbleParam", "Omega0",
                    "OmegaLambda", "OmegaBaryon"):
            assert float(f["Header"].attrs[key]) == pytest.approx(float(real["Header"].attrs[key][0]))


def test_minimal_and_chunked(tmp_path):
    mock(tmp_path / "all.hdf5", "--stars", 5000, "--gas", 700)
    mock(tmp_path / "few.hdf5", "--stars", 5000, "--gas", 700, "--minimal", "--h5-chunk", 1024)
    every, _ = read(tmp_path / "all.hdf5")
    few, _ = read(tmp_path / "few.hdf5")
    with h5py.File(tmp_path / "few.hdf5") as f:
        for group, fields in MINIMAL.items():
            assert set(f[group]) == fields
        assert f["PartType4/Coordinates"].chunks == (1024, 3)
        assert f["PartType4/Masses"].chunks == (1024, )
        assert f["PartType0/Masses"].chunks == (700,)
    for name, x in few.items():
        np.testing.assert_array_equal(x, every[name], name)


def test_no_group_without_particles(tmp_path):
    mock(tmp_path / "g.hdf5", "--stars", 10, "--gas", 0)
    with h5py.File(tmp_path / "g.hdf5") as f:
        assert "PartType0" not in f and len(f["PartType4/Masses"]) == 10


# ---- whoever writes it ---------------------------------------------------------------------------

OPTIONS = ("--stars", 3001, "--gas", 501, "--winds", 7, "--seed", 12)


@pytest.mark.parametrize("ranks, threads, extra",
                         [(2, 1, ()), (3, 1, ()), (4, 2, ()), (1, 2, ()), (3, 1, ("--h5-chunk", 100))])
def test_same_bytes_on_any_number_of_ranks(tmp_path, ranks, threads, extra):
    mock(tmp_path / "one.hdf5", *OPTIONS, *extra)
    mock(tmp_path / "many.hdf5", *OPTIONS, *extra, ranks=ranks, threads=threads)
    assert (tmp_path / "one.hdf5").read_bytes() == (tmp_path / "many.hdf5").read_bytes()


@pytest.mark.parametrize("ranks", [1, 2])
def test_pieces_hold_the_same_particles(tmp_path, ranks):
    mock(tmp_path / "one.hdf5", *OPTIONS)
    mock(tmp_path / "snap.hdf5", *OPTIONS, "--files", 4, ranks=ranks)
    pieces = [tmp_path / f"snap.{i}.hdf5" for i in range(4)]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.hdf5"] + [p.name for p in pieces]
    one, _ = read(tmp_path / "one.hdf5")
    many, head = read(*pieces)
    for name, x in one.items():
        np.testing.assert_array_equal(x, many[name], name)
    assert head["NumFilesPerSnapshot"] == 4 and list(head["NumPart_Total"]) == [501, 0, 0, 0, 3008, 0]
    here = []
    for p in pieces:
        with h5py.File(p) as f:
            here.append(f["Header"].attrs["NumPart_ThisFile"])
            assert here[-1][4] == len(f["PartType4/Masses"]) and here[-1][0] == len(f["PartType0/Masses"])
    assert list(np.sum(here, axis=0)) == [501, 0, 0, 0, 3008, 0]


def test_more_ranks_than_stars(tmp_path):
    mock(tmp_path / "g.hdf5", "--stars", 2, "--gas", 1, "--files", 3, ranks=4)
    data, _ = read(*[tmp_path / f"g.{i}.hdf5" for i in range(3)])
    assert len(data["PartType4/Masses"]) == 2 and len(data["PartType0/Masses"]) == 1


def test_seeds_differ(tmp_path):
    for seed in (1, 2):
        mock(tmp_path / f"{seed}.hdf5", "--stars", 100, "--gas", 0, "--seed", seed)
    one, two = (read(tmp_path / f"{s}.hdf5")[0]["PartType4/Coordinates"] for s in (1, 2))
    assert (one != two).all()


# ---- what the galaxy is --------------------------------------------------------------------------

def test_masses(galaxy):
    g = galaxy
    assert len(g.formed) == 200001 and g.formed.sum() == pytest.approx(6e10, rel=1e-6)
    left = 1 - 0.05 * np.log(1 + g.age / 1.4e-3)
    young = g.age > 0.05                       # the float formation time knows the youngest ages badly
    assert within(g.now[young] / g.formed[young], left[young], rtol=1e-4)
    assert 0.55 < g.now.sum() / g.formed.sum() < 0.62
    old = np.abs(g.age - 10) < 0.5
    assert 0.55 < np.mean(g.now[old] / g.formed[old]) < 0.6
    assert len(np.unique(g.raw["PartType4/ParticleIDs"])) == 200051


def test_ages(galaxy):
    g = galaxy
    form = g.star["GFM_StellarFormationTime"]
    assert (form > 0).all() and form.max() < g.head["Time"] and g.age.max() < g.age_now - 0.99
    assert (g.age < 0.01).any() and (g.age < 1).mean() > 0.02
    inner, outer = g.radius < 3, (g.radius > 8) & (g.radius < 12)
    assert g.age[inner].mean() > g.age[outer].mean() + 1         # inside-out


def test_winds(galaxy):
    g = galaxy
    assert g.wind.sum() == 50 and np.ptp(np.diff(np.flatnonzero(g.wind))) <= 1     # strewn evenly
    form = g.raw["PartType4/GFM_StellarFormationTime"][g.wind]
    assert (form < 0).all() and (form > -g.head["Time"]).all()


def test_rotation(galaxy):
    g = galaxy
    spin = (g.now[:, None] * np.cross(g.x, g.v)).sum(axis=0)
    assert spin[2] / np.linalg.norm(spin) > 0.999
    speed = g.head["MockSpeed"]
    assert speed == pytest.approx((1.1 * 0.6 * 6e10 / 47)**0.25)
    young = g.age < 2
    for radius in (2.0, 4.0, 8.0, 12.0):
        ring = young & (np.abs(g.radius - radius) < 0.1 * radius)
        assert ring.sum() > 100
        assert np.mean(g.v_phi[ring]) == pytest.approx(speed * 2 / np.pi * np.arctan(radius / 0.75), rel=0.06), radius
    assert np.abs(np.median(g.x, axis=0)).max() < 0.05 and np.abs(np.median(g.v, axis=0)).max() < 2


def test_dispersion_falls_outward_and_rises_with_age(galaxy):
    g = galaxy
    sigma = {(lo, r): g.v[(g.age > lo) & (g.age < hi) & (np.abs(g.radius - r) < 0.15 * r), 2].std() for lo,
             hi in ((0, 2), (2, 5), (5, 8)) for r in (2, 8)}
    assert sigma[0, 2] > 1.5 * sigma[0, 8] and sigma[5, 2] > 1.5 * sigma[5, 8]
    assert sigma[0, 8] < sigma[2, 8] < sigma[5, 8] and sigma[0, 2] < sigma[2, 2] < sigma[5, 2]


def test_metallicity(galaxy):
    g = galaxy
    for lo, hi in ((0, 2), (3, 5)):
        k = (g.age > lo) & (g.age < hi) & (g.radius > 0.5) & (g.radius < 15)
        born = np.log10((g.age_now - g.age[k]) / g.age_now)
        slope, enrich, _ = np.linalg.lstsq(np.column_stack([g.radius[k], born, np.ones(k.sum())]), np.log10(g.z[k]),
                                           rcond=None)[0]
        assert slope == pytest.approx(-0.05, abs=0.002)
    k = (g.age < 6) & (np.abs(g.radius - 8) < 2)                 # no bulge
    fit = np.linalg.lstsq(np.column_stack([g.radius[k], np.log10(g.age_now - g.age[k]), np.ones(k.sum())]),
                          np.log10(g.z[k]), rcond=None)
    assert fit[0][1] == pytest.approx(0.6, abs=0.05) and np.sqrt(fit[1][0] / k.sum()) == pytest.approx(0.1, rel=0.05)
    metals = g.star["GFM_Metals"].astype(float)
    assert within(metals.sum(axis=1), 1, atol=1e-6, rtol=1e-7)
    assert within(metals[:, 2:].sum(axis=1), g.z, rtol=1e-5)
    tagged = g.star["GFM_MetalsTagged"].astype(float)
    assert within(tagged[:, :3].sum(axis=1), g.z, rtol=1e-5)
    assert within(tagged[:, 4] + tagged[:, 5], metals[:, 8], rtol=1e-5)
    assert (tagged > 0).all()


def test_potential_is_that_of_the_rotation_curve(galaxy):
    g = galaxy
    r = np.linalg.norm(g.x, axis=1)
    phi = g.star["Potential"].astype(float) / g.head["Time"]
    assert r[np.argmin(phi)] < 0.2
    k = (r > 2) & (r < 20)
    edges = np.geomspace(2, 20, 8)
    for lo, hi in zip(edges, edges[1:]):
        inside = k & (r > lo) & (r < hi)
        slope = np.polyfit(np.log(r[inside]), phi[inside], 1)[0]
        assert slope == pytest.approx((g.head["MockSpeed"] * 2 / np.pi * np.arctan(np.sqrt(lo * hi) / 0.75))**2,
                                      rel=0.02)


def test_gas(galaxy):
    g, raw = galaxy, galaxy.raw
    recent = g.formed[g.age < 0.5].sum() / 0.5e9
    assert g.sfr.sum() == pytest.approx(recent, rel=0.3)
    assert g.sfr.sum() == pytest.approx(g.head["MockStarFormationRate"], rel=0.02)
    a, h = g.head["Time"], g.head["HubbleParam"]
    rho = raw["PartType0/Density"].astype(float) * G / CM**3 * h**2 / a**3
    n_h = 0.76 * rho / 1.67262192369e-24
    assert (g.sfr[n_h < 0.1299] == 0).all() and (g.sfr[n_h > 0.1301] > 0).all()
    assert within((g.sfr / g.gas_mass)[n_h > 0.14], (1e-9 / 2.27 * np.sqrt(n_h / 0.13))[n_h > 0.14], rtol=1e-3)
    metals = raw["PartType0/GFM_Metals"].astype(float)
    mu = 4 / (1 + 3 * metals[:, 0] + 4 * metals[:, 0] * raw["PartType0/ElectronAbundance"])
    temperature = raw["PartType0/InternalEnergy"] * 1e10 * (2 / 3) * mu * 1.67262192369e-24 / 1.380649e-16
    assert 500 < temperature.min() and 9e3 < np.median(temperature) < 3e4
    # warm to cool where no stars form, and a tenth is hot
    hot, diffuse = temperature > 1e5, (n_h < 0.13) & (temperature < 1e5)
    assert hot.mean() == pytest.approx(0.1, abs=0.01) and (g.sfr[hot] == 0).all()
    assert abs(np.log10(temperature[diffuse] * (1 + n_h[diffuse] / 0.03) / 1e4)).max() < 0.5
    # thin, and a thick hot disc: sech^2(z/z0) has an rms of 0.907 z0
    z = g.gas_x[:, 2]
    assert np.std(z[hot]) == pytest.approx(0.907 * 1.5, rel=0.05)
    assert np.std(z[~hot]) < 0.25
    spin = (g.gas_mass[:, None] * np.cross(g.gas_x, g.gas_v)).sum(axis=0)
    assert spin[2] / np.linalg.norm(spin) > 0.999
    # the arms of gas and young stars coincide: the same phase of exp(2i(phi - phi_arm))
    phase = []
    for x, k in ((g.x, (g.age < 0.5)), (g.gas_x, g.sfr > 0)):
        radius, phi = np.hypot(x[k, 0], x[k, 1]), np.arctan2(x[k, 1], x[k, 0])
        wave = np.exp(2j * (phi + np.log(radius / 3) / np.tan(np.radians(15))))[radius > 2]
        phase.append(wave.mean())
    assert all(abs(p) > 0.15 and abs(np.angle(p)) < 0.2 for p in phase)


def test_clouds_are_at_young_stars(galaxy):
    """Of the densest gas most lies within 200 pc of stars younger than 30 Myr; of other gas, little."""
    g = galaxy
    young = g.x[(g.age < 0.03) & (g.radius < 40)]
    assert len(young) > 50
    density = g.raw["PartType0/Density"]
    order = np.argsort(-density)[:(g.sfr > 0).sum()]
    near = np.array([np.linalg.norm(young - x, axis=1).min() < 0.2 for x in g.gas_x[order]])
    tenth = len(order) // 10
    assert near[:tenth].mean() > 0.9 and near[-5 * tenth:].mean() < 0.3


def test_stars_do_not_know_the_gas(tmp_path):
    """But for the density of all matter about them."""
    mock(tmp_path / "a.hdf5", "--stars", 3000, "--gas", 500, "--winds", 10)
    mock(tmp_path / "b.hdf5", "--stars", 3000, "--gas", 0, "--winds", 10)
    a, b = read(tmp_path / "a.hdf5")[0], read(tmp_path / "b.hdf5")[0]
    names = [k for k in b if k.startswith("PartType4") and not k.endswith("SubfindDensity")]
    assert len(names) > 10 and all(np.array_equal(a[k], b[k]) for k in names)


def test_wrapped_inclined_small(tmp_path):
    options = ("--stars", 20000, "--gas", 2000, "--redshift", 1, "--radius", 1.5, "--bulge=0", "--arms=0", "--mass=1e9",
               "--speed", 90, "--box", 5000)
    mock(tmp_path / "g.hdf5", *options, "--wrap", "--inclination", 50)
    mock(tmp_path / "flat.hdf5", *options)
    for kind in ("PartType4", "PartType0"):
        x = read(tmp_path / "g.hdf5")[0][f"{kind}/Coordinates"]
        assert (x >= 0).all() and (x < 5000).all() and (np.ptp(x, axis=0) > 4900).all()
    g, flat = Galaxy(tmp_path / "g.hdf5", inclination=50), Galaxy(tmp_path / "flat.hdf5")
    assert within(g.x, flat.x, atol=1e-8, rtol=1e-7)
    assert within(g.v, flat.v, atol=1e-3, rtol=1e-7)
    assert g.formed.sum() == pytest.approx(1e9, rel=1e-6) and g.head["MockSpeed"] == 90
    assert g.radius.mean() == pytest.approx(2 * 1.5, rel=0.1) and np.abs(g.x[:, 2]).mean() < 0.15


def test_bulge_is_pressure_supported(tmp_path):
    mock(tmp_path / "g.hdf5", "--stars", 20000, "--gas", 100, "--bulge", 1)
    g = Galaxy(tmp_path / "g.hdf5")
    # Hernquist, cut at 20 a: half of the mass inside 2.06 a
    assert np.median(np.linalg.norm(g.x, axis=1)) == pytest.approx(0.6 * 2.06, rel=0.03)
    sigma = g.v.std(axis=0)
    assert abs(g.v_phi.mean()) < 0.05 * sigma[0] and np.ptp(sigma) < 0.05 * sigma[0]
    # virial theorem in the potential of the rotation curve: <v^2> = <v_c^2>
    r = np.linalg.norm(g.x, axis=1)
    assert (g.v**2).sum(axis=1).mean() == pytest.approx(((g.head["MockSpeed"] * 2 / np.pi
                                                          * np.arctan(r / 0.75))**2).mean(), rel=0.05)
    assert np.median(g.age) > 11


# ---- the command line ----------------------------------------------------------------------------

def test_all_wrong_options_are_reported_together(tmp_path):
    done = mock(tmp_path / "g.hdf5", "--stars", "1.5", "--mass=heavy", "--colour", "--gas=-1", "--wrap=yes",
                "second.hdf5", "--redshift", "nan",
                status=2, ranks=2)
    for what in ("--stars 1.5", "'heavy'", "'--colour'", "--gas -1", "--wrap takes no value", "second.hdf5", "'nan'"):
        assert done.err.count(what) == 1, (what, done.err)
    assert done.err.count("cubix-mock: error:") == 1 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("options, what", [
    ((), "no output named"), (("--stars",), "value is missing"), (("--box", 100, "g.hdf5"), "--box 100"),
                                           (("--stars", "3e9", "g.hdf5"), "--files"),
    (("--stars=", "g.hdf5"), "not a number"), (("--bulge", "1.2", "g.hdf5"), "from 0 to 1"), (("",), "no output named"),
    (("-s", "g.hdf5"), "no such option")])
def test_bad_options(tmp_path, options, what):
    done = run("cubix-mock", options, cwd=tmp_path)
    assert done.status == 2 and what in done.err and not list(tmp_path.iterdir()), done.err


def test_help_and_version(tmp_path):
    done = run("cubix-mock", ["--help"], ranks=2)
    assert done.status == 0 and done.out.count("usage:") == 1 and "cubix-mock:" not in done.err
    for option in ("stars", "gas", "winds", "seed", "files", "redshift", "h5-chunk", "mass", "radius", "bulge", "box",
                   "wrap", "inclination"):
        assert f"--{option} " in done.out
    done = run("cubix-mock", ["--version"])
    assert done.status == 0 and done.out.startswith("cubix-mock ")


def test_failure_leaves_nothing(tmp_path):
    done = run("cubix-mock", ["--stars", 10, tmp_path / "absent" / "g.hdf5"], ranks=2)
    assert done.status == 4 and "absent" in done.err
    (tmp_path / "g.1.hdf5").mkdir()                              # the second piece cannot take its name
    (tmp_path / "g.1.hdf5" / "x").touch()
    done = run("cubix-mock", ["--stars", 10, "--files", 2, tmp_path / "g.hdf5"])
    assert done.status == 4 and "g.1.hdf5" in done.err
    assert [p.name for p in tmp_path.iterdir()] == ["g.1.hdf5"]
    done = run("cubix-mock", ["--stars", 100000, "--gas", 0, tmp_path / "big.hdf5"], file_limit=4_000_000)
    assert done.status != 0 and not list(tmp_path.glob("big*"))


def test_interrupt_leaves_nothing(tmp_path):
    def wait(proc):
        for _ in range(2000):
            if proc.poll() is not None or any(p.stat().st_size for p in tmp_path.glob(".*.part-*")):
                break
            time.sleep(0.01)

    done = run("cubix-mock", ["--stars", 20000000, "--minimal", tmp_path / "g.hdf5"], interrupt_after=wait)
    assert done.status == 130 and "interrupted" in done.err and not list(tmp_path.iterdir())
