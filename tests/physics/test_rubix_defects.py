"""One test per defect of RUBIX (main dbb4487 and release 0.0.5) that the main job could inherit.
Each says what the defect gives, and shows that ours does not.

Not here: dust (B4, B6, B18, B23, B25, B32, B36), gradients (B27, B28) and the NIHAO reader (B30,
B31)."""
import math

import h5py
import numpy as np
import pytest

from harness import AGES, METALS, SOURCE, assert_close, galaxy, local_level, run, stars, wavelengths, write_tng
from oracle import cosmology, frame, ssp
from oracle import cube as oracle
from oracle.constants import C, FWHM, MPC_CM

AT_REST = dict(Centre=(0.0, 0.0, 0.0), SystemicVelocity="none")
LSUN = 3.828e33


def simple(bench, n=1, pixel=5.0, lam=(5000.0, 5049.0, 1.0), **kw):
    bench.instrument(n, n, pixel, lam=lam, **kw)
    bench.ssp()


def one(age=4.0, z=0.02, mass=1e6, v=0.0, x=0.0, y=0.0):
    return stars((x, y, 0, 0, 0, v, mass, age, z))


def bright(bench, s, **kw):
    bench.particles(s)
    return bench.cube(**{**AT_REST, **kw})["DATA"].sum()


def test_B1_every_star_keeps_its_own_age_and_metallicity(bench):
    """B1: with several devices all stars get the ages and metallicities of the first one's.  Here
    that would be a factor of 50 for half of the light."""
    simple(bench, n=4)
    s = stars(*[(3.0 * i - 4.5, 0, 0, 0, 0, 0, 1e6, age, z) for i,
                (age, z) in enumerate(((0.05, 0.02), (0.05, 0.02), (13.0, 0.001), (13.0, 0.001)))])
    bench.particles(s)
    alone, many = bench.cube(ranks=1, Redshift=0.05, **AT_REST), bench.cube(ranks=4, Redshift=0.05, **AT_REST)
    assert_close(many["DATA"], alone["DATA"], 2e-6, local_level(alone["DATA"]))
    image = many["DATA"].sum(axis=0)
    assert image.max() / image[image > 0].min() > 20


@pytest.mark.parametrize("z", [0.003, 0.0125, 0.02, 0.1])
def test_B2_the_cube_is_a_flux(bench, z):
    """B2: the file says 1e-20 erg/s/cm2/AA and holds Lsun/AA: 0.056, 0.99, 2.6 and 78 times the
    truth at these redshifts."""
    defect = {0.003: 0.056, 0.0125: 0.99, 0.02: 2.6, 0.1: 78.0}[z]
    simple(bench, lam=(5000.0, 5049.0, 1.0))
    bench.particles(one())
    got = bench.cube(Redshift=z, **AT_REST)["DATA"][:, 0, 0]
    lib = ssp.Library.read(bench.ssp_file)
    # erg/s/AA
    at_rest = 1e6 * ssp.integrate(ssp.between(lib.lam, lib.luminosity[3, 4], "spline"), lib.lam,
                                  bench.inst.edges() / (1 + z)) * (1 + z)
    want = at_rest / (1 + z) / (4 * math.pi
                                * (cosmology.luminosity_distance(z, 0.3089, 0.6911, 0.6774) * MPC_CM)**2) / 1e-20
    assert_close(got, want, 2e-6)
    assert abs(math.log((at_rest / LSUN / want).mean() / defect)) < 0.15     # the number of the defect, reproduced


def test_B3_the_frame_does_not_depend_on_the_first_star(bench):
    """B3: padding counts the first star N - |S| times over in the inertia tensor: the disc's axis
    is off by 1.7 degrees (median), 9.2 at worst."""
    simple(bench, n=12, pixel=0.5)
    s = galaxy(800, seed=31, radius=1.0, tilt=False)
    far = int(np.argmax(s["pos"][:, 2]))
    order = np.r_[far, np.delete(np.arange(800), far)]
    maps, axes = [], []
    for o in (np.arange(800), order):
        t = {k: x[o] for k, x in s.items()}
        bench.particles(t)
        maps.append(bench.cube(Redshift=0.05, Orientation="edgeon", **AT_REST)["MASS"])
        body = t["pos"], t["vel"], t["mass_now"]
        axes.append(frame.body_axes(*body)[0])
    assert_close(maps[1], maps[0], 1e-6)
    radius = np.sqrt((s["pos"][order]**2).sum(axis=1))
    inside = radius <= frame.half_mass_radius(radius, s["mass_now"][order])
    x, m = s["pos"][order], s["mass_now"][order]
    tensor = lambda w: np.einsum("k,ki,kj->ij", w, x, x)
    padded = np.where(inside, m, 0.0)
    padded[0] += (~inside).sum() * m[0]
    axis, of_defect = (np.linalg.eigh(tensor(x))[1][:, 0] for x in (np.where(inside, m, 0), padded))
    tilt = math.degrees(math.acos(min(1.0, abs(of_defect @ axis))))
    assert tilt > 1.0                                            # what the defect would do to this galaxy


def test_B5_empty_spaxels_do_not_switch_the_noise_off(bench):
    """B5: one empty spaxel makes the median NaN and all noise 0."""
    simple(bench, n=6, pixel=1.0, area=5e5, sky=(2e-17,), read_noise=3.0, exposure=900.0)
    bench.particles(galaxy(50, seed=3, radius=0.3))
    for par in (dict(Noise="exposure"), dict(Noise="snr", SignalToNoise=20)):
        got = bench.cube(Redshift=0.05, KeepNoiseFree=True, **par)
        assert (got["NSTAR"] == 0).any()
        chi = (got["DATA"] - got["NOISEFREE"]) / np.sqrt(got["STAT"])
        assert abs(chi.std() - 1) < 0.1 and (np.abs(chi).max(axis=0) > 0.5).all()


def test_B7_apertures_and_lsf_of_the_instrument_are_used(bench):
    """B7: a round field is filled to its corners: 21 % of the light of an even field lies outside the circle."""
    bench.instrument(20, 20, 0.5, lam=(5000.0, 5004.0, 1.0), aperture="circle")
    bench.ssp()
    kpc = cosmology.scene(0.05, 0.3089, 0.6911, 0.6774)[1]
    place = (np.arange(20) - 9.5) * 0.5 * kpc
    bench.particles(stars(*[(x, y, 0, 0, 0, 0, 1e5, 4, 0.02) for x in place for y in place]))
    got = bench.cube(Redshift=0.05, **AT_REST)
    inside = bench.inst.inside()
    assert not got["DATA"][:, ~inside].any() and (got["DATA"][:, inside] > 0).all()
    assert abs((~inside).mean() - 0.21) < 0.02
    # the LSF of the instrument's file acts without being asked for
    bench.instrument(1, 1, 20.0, lam=(5000.0, 5099.0, 1.0), lsf_curve=(6.0,))
    bench.particles(one())
    assert np.ptp(bench.cube(**AT_REST)["DATA"]) < 0.98 * np.ptp(bench.cube(Lsf="none", **AT_REST)["DATA"])


@pytest.mark.parametrize("z", [0.05, 0.075, 0.08, 0.15])
def test_B8_spaxels_are_counted_in_integers(bench, z):
    """B8: float arange gives n + 2 edges at one redshift in six (n = 25: .05, .075, .08, .15): a
    straight column of stars becomes a diagonal."""
    bench.instrument(25, 25, 0.2, lam=(5300.0, 5302.0, 1.0))
    bench.ssp()
    kpc = cosmology.scene(z, 0.3089, 0.6911, 0.6774)[1]
    bench.particles(stars(*[(0.8 * kpc, y * kpc, 0, 0, 0, 0, 1e5, 4, 0.02) for y in (np.arange(25) - 12) * 0.2]))
    image = bench.cube(Redshift=z, **AT_REST)["DATA"].sum(axis=0)
    assert image.shape == (25, 25)
    assert np.argwhere(image > 0).tolist() == [[j, 8] for j in range(25)]        # 0.8" east: 12.5 - 4 = 8.5


def test_B9_ages_belong_to_the_snapshot(bench):
    """B9: ages as lookback times from today: a star born in the z = 1 snapshot itself gets 7.94 Gyr."""
    simple(bench)
    lookback = cosmology.age(1, 0.3089, 0.6911, 0.6774) - cosmology.age(0.5, 0.3089, 0.6911, 0.6774)
    assert abs(lookback - 7.94) < 0.01
    for age in (0.02, 2.5):
        bench.file = write_tng(bench.path("tng.hdf5"), one(age), redshift=1.0)
        assert abs(bench.cube(Redshift=0.05, **AT_REST)["AGE_M"][0, 0] / age - 1) < 1e-4


@pytest.mark.parametrize("how", ["linear", "pchip"])
def test_B10_no_overshoot_between_ages(bench, how):
    """B10: the cubic through 1, 0.1, 0.1 (1 Myr, then 10 Myr apart) dips to about -0.57.
    Interpolated light stays between its neighbours."""
    lam = wavelengths("uniform")
    ages = np.array([0.001, 0.002, 0.012, 0.1])
    flat = np.ones((2, 4, len(lam))) * np.array([1.0, 0.1, 0.1, 0.05])[:, None] * 1e30
    bench.instrument(1, 1, 5.0, lam=(5000.0, 5009.0, 1.0))
    bench.ssp(lam=lam, luminosity=flat, ages=ages, metals=[0.01, 0.02])
    # the defect: Hermite with unweighted mean slopes, in linear age
    slope = np.array([-900, 0.5 * (-900 + 0.0)])
    dt = 0.010
    h = lambda y0, y1, d0, d1, s: (y0 * (2 * s**3 - 3 * s**2 + 1) + dt * d0 * (s**3 - 2 * s**2 + s)
                                   + y1 * (3 * s**2 - 2 * s**3) + dt * d1 * (s**3 - s**2))
    assert abs(h(0.1, 0.1, slope[1], 0.0, 1 / 3) - -0.57) < 0.05
    node = bright(bench, one(age=0.002), SspInterpolation=how)
    for age in (0.0025, 0.004, 0.006, 0.011):
        assert abs(bright(bench, one(age=age), SspInterpolation=how) / node - 1) < 1e-5
    between = [bright(bench, one(age=a), SspInterpolation=how) for a in (0.012, 0.03, 0.06, 0.1)]
    assert all(a > b for a, b in zip(between, between[1:]))


@pytest.mark.parametrize("age, z, node_age, node_z",
                         [(4.0, 1e-8, 4.0, METALS[0]), (4.0, 0.3, 4.0, METALS[-1]), (16.0, 0.02, AGES[-1], 0.02),
                          (1e-5, 0.02, 1e-4, 0.02)])
def test_B11_stars_beyond_the_grid_shine(bench, age, z, node_age, node_z):
    """B11: Z or age outside the library's grid gives no light at all."""
    simple(bench)
    assert abs(bright(bench, one(age, z)) / bright(bench, one(node_age, node_z)) - 1) < 1e-6


def test_B11_clamping_is_reported(bench):
    simple(bench)
    bench.particles(stars((0, 0, 0, 0, 0, 0, 1e6, 4, 1e-8), (0, 0, 0, 0, 0, 0, 3e6, 4, 0.02)))
    got = bench.cube(**AT_REST)
    told = got["header"]["PRIMARY"]
    assert (told["N_CLAMPZ"], told["N_CLAMPA"], told["M_CLAMPA"]) == (1, 0, 0)
    assert abs(told["M_CLAMPZ"] / 1e6 - 1) < 1e-9 and told["L_CLAMPZ"] > 0
    bench.particles(stars((0, 0, 0, 0, 0, 0, 1e6, 4, 0.02), (0, 0, 0, 0, 0, 0, 3e6, 16, 0.02)))
    told = bench.cube(**AT_REST)["header"]["PRIMARY"]
    assert (told["N_CLAMPZ"], told["N_CLAMPA"]) == (0, 1) and abs(told["M_CLAMPA"] / 3e6 - 1) < 1e-9


def test_B11_a_node_of_age_zero_is_the_youngest_there_is(bench):
    """A library whose first age is 0 covers newborn stars: they are not beyond it.  Older than the
    last they still are."""
    simple(bench)
    bench.ssp(ages=np.array([0.0, 1.0, 4.0, 13.0]))
    bench.particles(stars((0, 0, 0, 0, 0, 0, 1e6, 0, 0.02), (0, 0, 0, 0, 0, 0, 1e6, 5e-5, 0.02),
                          (0, 0, 0, 0, 0, 0, 3e6, 16, 0.02)))
    told = bench.cube(**AT_REST)["header"]["PRIMARY"]
    assert told["N_CLAMPA"] == 1 and abs(told["M_CLAMPA"] / 3e6 - 1) < 1e-9


def test_B12_B21_the_frame_is_a_proper_rotation(bench):
    """B12: every kind of particle gets its own frame; B21: det(E) < 0 in 14 of 40 orientations, a
    mirrored galaxy, and the spin's sign is left to chance. Ours: whatever way the file lies, the
    same picture."""
    bench.instrument(14, 14, 0.5, lam=(5000.0, 5002.0, 1.0))
    bench.ssp()
    s = galaxy(2000, seed=17, radius=0.8, tilt=False)
    s["pos"] -= np.median(s["pos"], axis=0)
    want, mirrored = None, 0
    rng = np.random.default_rng(2)
    for _ in range(6):
        turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
        turn *= np.sign(np.linalg.det(turn))
        pos, vel = s["pos"] @ turn.T, s["vel"] @ turn.T
        bench.particles({**s, "pos": pos, "vel": vel})
        got = bench.cube(Redshift=0.05, Orientation="inclined", Inclination=40, PositionAngle=25, **AT_REST)
        want = want or got
        moved = np.abs(got["NSTAR"] - want["NSTAR"]).sum()
        assert moved <= 4                                        # a star on a spaxel's edge may fall on either side
        same = (got["NSTAR"] == want["NSTAR"]) & (want["NSTAR"] > 0)
        assert np.abs(got["VEL_M"] - want["VEL_M"])[same].max() < 0.05
        inertia = np.einsum("k,ki,kj->ij", s["mass_now"], pos, pos)
        mirrored += np.linalg.det(np.linalg.eigh(inertia)[1]) < 0
    assert mirrored > 0                                          # what eigenvectors as they come would have mirrored


def test_B13_one_frame_and_one_noise_for_all_ranks(bench):
    """B13: rotation and noise per shard: with stars sorted by radius 2 and 4 devices differ from 1
    by 32 and 73 %, and the noise vanishes."""
    bench.instrument(10, 10, 0.5, lam=(5000.0, 5019.0, 1.0), area=5e5, sky=(2e-17,), read_noise=3.0, exposure=900.0)
    bench.ssp()
    s = galaxy(300, seed=23, radius=0.8)
    order = np.argsort((s["pos"]**2).sum(axis=1))
    bench.particles({k: x[order] for k, x in s.items()})
    par = dict(Redshift=0.05, Orientation="faceon", Noise="exposure", KeepNoiseFree=True)
    alone = bench.cube(ranks=1, **par)
    for ranks in (2, 4):
        got = bench.cube(ranks=ranks, **par)
        assert_close(got["NOISEFREE"], alone["NOISEFREE"], 2e-6, local_level(alone["NOISEFREE"]))
        assert_close(got["DATA"], alone["DATA"], 1e-5, np.abs(alone["DATA"]).max())


@pytest.mark.parametrize("step", [0.7, 1.25, 1.6, 2.7])
def test_B14_line_width_at_every_sampling(bench, step):
    """B14: steps of 1.6 and 2.7 AA crash; at 1.25 AA a sigma of 0.5, 8, 12 AA comes out as 0.36,
    7.0, 8.0.  Ours is the width asked for."""
    lam = np.arange(4800.0, 5600.0, 0.2)
    line = 1e30 * np.exp(-0.5 * ((lam - 5200) / 0.15)**2)
    bench.instrument(1, 1, 50.0, lam=(4900.0, 4900.0 + step * int(600 / step), step))
    bench.ssp(lam=lam, luminosity=line[None, None].copy(), ages=[1.0], metals=[0.02])
    bench.particles(one(1.0))
    at = bench.inst.centres()
    # below 0.8 channels a sampled width depends on where the line falls
    for sigma in (max(1.07, 0.8 * step), 8.0, 12.0):
        w = bench.cube("cubix64", Redshift=0.0, Distance=50.0, Lsf="gaussian", LsfFwhm=FWHM * sigma,
                       **AT_REST)["DATA"][:, 0, 0]
        mean = (w * at).sum() / w.sum()
        assert abs(math.sqrt((w * (at - mean)**2).sum() / w.sum()) / sigma - 1) < 0.01
        assert len(w) == int(600 / step) + 1


def test_B15_headers(bench):
    """B15: CRPIX = 2.0 for five spaxels (should be 3), CD1_1 > 0, x on NAXIS2, AWAV for vacuum
    wavelengths, no CRVAL; options missing from a file are errors."""
    for medium, ctype in (("vacuum", "WAVE"), ("air", "AWAV")):
        bench.instrument(5, 7, 0.5, lam=(5000.0, 5019.0, 1.0), medium=medium)
        bench.ssp()
        bench.particles(one(x=0.7))
        got = bench.cube(Redshift=0.05, **AT_REST)
        head = got["header"]["DATA"]
        assert (head["NAXIS1"], head["NAXIS2"], head["NAXIS3"]) == (5, 7, 20)
        assert head["CRPIX1"] == 3 and head["CRPIX2"] == 4 and head["CRPIX3"] == 1 and head["CRVAL3"] == 5000
        assert head["CTYPE3"].strip() == ctype and {"CRVAL1", "CRVAL2"} <= set(head)
        cd = head.get("CD1_1", head.get("CDELT1", 0) * head.get("PC1_1", 1.0))
        assert abs(cd * 3600 + 0.5) < 1e-9
        assert np.argwhere(got["NSTAR"] > 0).tolist() == [[3, 1]]


def test_B16_every_bin_holds_its_own_flux(bench):
    """B16: one rescale per spectrum: colours and lines change (a 3 AA line on a coarse grid is lost
    or 30 times too bright), (1+z) is missing, and T/U jumps by 0.44 % as the velocity changes by 2
    km/s."""
    lam = np.arange(4500.0, 6100.0, 0.25)
    line = np.exp(-0.5 * ((lam - 5000) / (3 / FWHM))**2) * 1e30 + 1e28
    bench.ssp(lam=lam, luminosity=line[None, None].copy(), ages=[1.0], metals=[0.02])
    totals = []
    # coarse channels of 114 AA that start somewhere else each time
    for offset in (0.0, 13.0, 37.0, 59.0, 83.0):
        bench.instrument(1, 1, 50.0, lam=(4724.0 + offset, 4724.0 + offset + 5 * 114, 114.0))
        bench.particles(one(1.0))
        flux = bench.cube("cubix64", Redshift=0.0, Distance=50.0, **AT_REST)["DATA"][:, 0, 0]
        totals.append(114.0 * (flux - flux.min()).sum())
    assert np.ptp(totals) < 1e-6 * totals[0]
    bench.instrument(1, 1, 50.0, lam=(4800.0, 5200.0, 1.0))
    bench.ssp(lam=lam, luminosity=(line - 1e28)[None, None].copy(), ages=[1.0], metals=[0.02])
    total = []
    for v in range(0, 12, 2):
        bench.particles(one(1.0, v=float(v)))
        total.append(bench.cube("cubix64", Redshift=0.0, Distance=50.0, **AT_REST)["DATA"].sum())
    assert np.ptp(total) < 1e-9 * total[0]


def test_B17_nothing_is_remembered(bench):
    """B17: a converted galaxy beside the input is used again whatever the file now holds."""
    simple(bench)
    first = bright(bench, one(mass=1e6))
    assert abs(bright(bench, one(mass=3e6)) / first - 3) < 1e-5
    left = {p.name for p in bench.folder.iterdir()}
    assert {"galaxy.hdf5", "ssp.hdf5", "test.cfg"} <= left and not [n for n in left if n.endswith(".h5")
                                                                    or "cache" in n]


def test_B19_the_psf_can_be_off(bench):
    """B19: there is no cube without PSF, and none without a dust section."""
    simple(bench, n=5, pixel=1.0, psf="gaussian", psf_curve=(2.0,))
    bench.particles(one())
    on, off = bench.cube(**AT_REST)["DATA"].sum(axis=0), bench.cube(Psf="none", **AT_REST)["DATA"].sum(axis=0)
    assert (on > 0).all() and np.count_nonzero(off) == 1


def test_B20_noise_has_zero_mean_and_a_seed(bench):
    """B20: "uniform" noise has mean 0.503, the same draw every run, and no variance."""
    simple(bench, n=8, pixel=1.0, lam=(5000.0, 5199.0, 1.0), area=5e5, sky=(2e-17,), read_noise=3.0, exposure=900.0)
    bench.particles(galaxy(100, seed=3, radius=0.5))
    got = {seed: bench.cube(Noise="exposure", Seed=seed, KeepNoiseFree=True) for seed in (1, 2)}
    for g in got.values():
        chi = (g["DATA"] - g["NOISEFREE"]) / np.sqrt(g["STAT"])
        assert abs(chi.mean()) < 5 / math.sqrt(chi.size)
    assert not np.array_equal(got[1]["DATA"], got[2]["DATA"])


def test_B21_extra_groups_are_no_errors(bench):
    """B21: any group or dataset that is not expected raises."""
    simple(bench)
    s = galaxy(20, seed=1, radius=0.2)
    bench.file = write_tng(bench.path("plain.hdf5"), s)
    want = bench.cube()["DATA"]
    bench.file = write_tng(bench.path("extra.hdf5"), s,
                           extra={"PartType5/Coordinates": np.zeros((2, 3)), "PartType4/GFM_Metals": np.zeros((20, 10)),
                                  "Config/x": np.arange(3), "PartType4/Odd": np.zeros((7, 2, 2))})
    assert np.array_equal(bench.cube()["DATA"], want)


def test_B21_periodic_box(bench):
    """B21: a galaxy across the box's edge is torn to pieces."""
    bench.instrument(10, 10, 0.5, lam=(5000.0, 5002.0, 1.0))
    bench.ssp()
    s = galaxy(200, seed=9, radius=0.7)
    box = 1000.0 * 1 / 0.6774                                    # physical kpc at a = 1
    want = None
    for shift in ((300, 300, 300), (0, 999.9 / 0.6774, 0.3)):
        bench.file = write_tng(bench.path("box.hdf5"), {**s, "pos": (s["pos"] + shift) % box}, BoxSize=1000.0)
        got = bench.cube(Redshift=0.05)
        want = want or got
        assert np.abs(got["NSTAR"] - want["NSTAR"]).sum() <= 4 and got["NSTAR"].sum() > 150


def test_B22_the_age_axis_is_in_gyr(bench):
    """B22: BC03lr's axis is log10(age/yr), read as Gyr: a 6 Gyr star is 193 times too bright at
    5500 AA and 2.2 mag too blue, one above 10.3 Gyr is dark."""
    lam = wavelengths("uniform")
    bench.instrument(1, 1, 5.0, lam=(5000.0, 5009.0, 1.0))
    bench.ssp(lam=lam)
    six, ten = bright(bench, one(age=6.0)), bright(bench, one(age=10.5))
    lib = ssp.Library.read(bench.ssp_file)
    own = lambda age: ssp.star_template(lib, lib.luminosity, age, 0.02)[300]
    assert abs(ten / six / (own(10.5) / own(6.0)) - 1) < 0.02 and ten > 0
    with h5py.File(bench.ssp_file, "r+") as f:
        f["Age"].attrs["unit"] = "log10(yr)"
    bench.particles(one())
    done = run("cubix", [bench.parameters(**AT_REST)], cwd=bench.folder)
    assert done.status == 3 and "Age" in done.err and "log10(yr)" in done.err


def test_B24_integers_are_numbers(bench):
    """B24: 14 of 18 instruments cannot be made because a range is written without a decimal point."""
    bench.instrument(4, 4, 5.0, lam=(5000.0, 5049.0, 1.0))
    bench.ssp(lo=2000.0, step=3.0)
    bench.particles(galaxy(20, seed=1, radius=0.2))
    want = bench.cube(Redshift=1.0, LambdaMin=5000.0, LambdaMax=5040.0, LambdaStep=2.0, Orientation="angles",
                      Alpha=90.0, PixelScale=5.0)
    got = bench.cube(Redshift="1", LambdaMin="5000", LambdaMax="5040", LambdaStep="2", Orientation="angles", Alpha="90",
                     PixelScale="5")
    assert np.array_equal(got["DATA"], want["DATA"])
    bench.inst_file.write_text(bench.inst_file.read_text().replace(".0,", ","))
    assert np.array_equal(bench.cube(Redshift=1, LambdaMin=5000, LambdaMax=5040, LambdaStep=2, Orientation="angles",
                                     Alpha=90, PixelScale=5)["DATA"], want["DATA"])


@pytest.mark.parametrize("name", sorted(p.stem for p in (SOURCE / "parameterfiles/instruments").glob("*.cfg")))
def test_B24_every_shipped_instrument_works(bench, name):
    bench.ssp(lo=3000.0, hi=11000.0, step=4.0)
    bench.particles(galaxy(20, seed=1, radius=0.2))
    bench.inst_file = name
    got = bench.cube(Redshift=0.02, LambdaMin=5000, LambdaMax=5020, FieldOfView=5, Layout="plain")
    assert got["DATA"].max() > 0


def test_B26_stars_outside_the_field_stay_outside(bench):
    """B26: they are clipped into the edge spaxels: the total is 1.47 times too bright, the edge 2.11 times."""
    simple(bench, n=6, pixel=0.5)
    s = galaxy(500, seed=5, radius=2.5)
    bench.particles(s)
    got = bench.cube(Redshift=0.05, **AT_REST)
    want = oracle.observe(bench.file, bench.ssp_file, bench.inst, 0.05, centre=(0, 0, 0), velocity="none")
    assert want.maps["NSTAR"].sum() < 0.7 * 500
    assert np.array_equal(got["NSTAR"], want.maps["NSTAR"])
    assert_close(got["DATA"], want.cube, 2e-6, local_level(want.cube))
    told, inside = got["header"]["PRIMARY"], int(want.maps["NSTAR"].sum())
    # and they are counted
    assert (told["N_ALL"], told["N_FIELD"], told["N_MARGIN"], told["N_OUT"]) == (500, inside, 0, 500 - inside)


def test_B29_angles_are_never_ignored(bench):
    """B29: `type: matrix` is edge-on and the angles beside a type are silently ignored."""
    bench.instrument(10, 10, 0.5, lam=(5000.0, 5002.0, 1.0))
    bench.ssp()
    bench.particles(galaxy(100, seed=5, radius=0.7))
    a, b = (bench.cube(Redshift=0.05, Orientation="angles", Alpha=x)["MASS"] for x in (90, 30))
    assert not np.array_equal(a, b)
    # an angle that Orientation does not use is said, not swallowed
    done = run("cubix", [bench.parameters(Redshift=0.05, Orientation="edgeon", Alpha=30)], cwd=bench.folder)
    assert "Alpha" in done.err
    done = run("cubix", [bench.parameters(Redshift=0.05, Orientation="matrix")], cwd=bench.folder)
    assert done.status == 2 and "Orientation" in done.err


def test_B33_wavelengths_are_not_moved(bench):
    """B33: all points shifted by half the first step: 1.5 AA, -80 km/s at 5500 AA."""
    lam = np.arange(4500.0, 6100.0, 3.0)
    line = 1e28 + 1e30 * np.exp(-0.5 * ((lam - 5499.0) / 5.0)**2)
    bench.instrument(1, 1, 50.0, lam=(5400.0, 5598.0, 1.0))
    bench.ssp(lam=lam, luminosity=line[None, None].copy(), ages=[1.0], metals=[0.02])
    bench.particles(one(1.0))
    flux = bench.cube("cubix64", Redshift=0.0, Distance=50.0, **AT_REST)["DATA"][:, 0, 0]
    w = flux - flux.min()
    assert abs((w * bench.inst.centres()).sum() / w.sum() - 5499.0) < 0.002


def test_B35_nothing_is_invented_beyond_the_library(bench):
    """B35: channels beyond the library hold its last value.  Ours: 0, and DQ 2."""
    bench.instrument(2, 2, 5.0, lam=(5990.0, 6189.0, 1.0))
    bench.ssp(lo=4500.0, hi=6000.0)
    v = 300.0
    bench.particles(stars((0.1, 0.1, 0, 0, 0, v, 1e6, 4, 0.02), (0.1, 0.1, 0, 0, 0, -v, 1e6, 4, 0.02)))
    z = 0.01
    got = bench.cube(Redshift=z, **AT_REST)
    lam, edge, last = bench.inst.centres(), bench.inst.edges(), bench.lam[-1]
    dark = edge[:-1] > last * (1 + z) * math.exp(v / C)
    flagged = edge[1:] > last * (1 + z) * math.exp(-v / C)
    assert 50 < dark.sum() < flagged.sum() < 190
    assert not got["DATA"][dark].any() and (got["DATA"][~flagged].max(axis=(1, 2)) > 0).all()
    assert np.array_equal((got["DQ"] & 2 > 0)[:, 0, 0], flagged)


def test_B37_the_input_is_left_alone(bench):
    """B37: padding changes the caller's data.  Ours leaves the input files bit for bit, whatever
    the number of ranks."""
    simple(bench)
    bench.particles(galaxy(21, seed=1, radius=0.2))
    before = [p.read_bytes() for p in (bench.file, bench.ssp_file, bench.inst_file)]
    bench.cube(ranks=2)
    assert before == [p.read_bytes() for p in (bench.file, bench.ssp_file, bench.inst_file)]
