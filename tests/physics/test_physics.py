"""What an astronomer would check first, with closed forms: flux, distance, wavelengths,
orientation, kinematics, line widths.

Noise (P12) is in test_noise.py."""
import math

import numpy as np
import pytest

from harness import assert_close, galaxy, local_level, read_cube, run, stars
from oracle import cosmology, spectral, ssp
from oracle.constants import C, FWHM, MPC_CM
from oracle.paint import Painter

RNG = np.random.default_rng


def one_star(v=0.0, x=0.0, y=0.0, mass=1e6, age=4.0, z=0.02):
    return stars((x, y, 0, 0, 0, v, mass, age, z))


AT_REST = dict(Centre=(0.0, 0.0, 0.0), SystemicVelocity="none")


# ---- P1: one star --------------------------------------------------------------------------------

@pytest.mark.parametrize("medium", ["vacuum", "air"])
@pytest.mark.parametrize("v", [0.0, 213.0])
def test_P1_a_star_at_a_node_is_its_template_rebinned(bench, medium, v):
    bench.instrument(1, 1, 2.0, lam=(5000.0, 5299.0, 1.0), medium=medium)
    bench.ssp("mixed")
    bench.particles(one_star(v))
    got = bench.cube("cubix64", Redshift=0.0, Distance=10.0, **AT_REST)["DATA"][:, 0, 0]
    lib = ssp.Library.read(bench.ssp_file)
    row = lib.luminosity[3, 4]                                  # Z = 0.02, 4 Gyr
    luminosity = 1e6 * ssp.integrate(ssp.between(lib.lam, row, "spline"), lib.lam, bench.inst.edges() / math.exp(v / C))
    want = luminosity / (4 * math.pi * (10 * MPC_CM)**2) / 1.0 / 1e-20
    assert_close(got, want, 1e-12, local_level(want))


@pytest.mark.parametrize("medium", ["vacuum", "air"])
def test_P1_ppxf_finds_the_velocity(bench, medium):
    pytest.importorskip("ppxf", reason="pPXF is not installed: pip install ppxf")
    from ppxf.ppxf import ppxf
    from ppxf.ppxf_util import log_rebin
    bench.instrument(1, 1, 2.0, lam=(4850.0, 5499.5, 0.5), medium=medium)
    bench.ssp(step=1.0)
    lam = bench.inst.centres()
    if medium == "air":
        lam = spectral.air_to_vacuum(lam)

    def log_spectrum(v, cut):
        bench.particles(one_star(v))
        flux = bench.cube("cubix64", Redshift=0.0, Distance=10.0, **AT_REST)["DATA"][:, 0, 0]
        part = slice(cut, len(lam) - cut)
        even = np.linspace(lam[part][0], lam[part][-1], len(lam[part]))    # log_rebin wants even steps
        spectrum, log_lam, _ = log_rebin([even[0], even[-1]], np.interp(even, lam[part], flux[part]), velscale=25.0)
        return spectrum / np.median(spectrum), np.exp(log_lam)

    template, lam_template = log_spectrum(0.0, 0)
    for v in (150.0, -87.0):
        # pPXF wants 2900 km/s of template beyond the galaxy
        spectrum, lam_galaxy = log_spectrum(v, 140)
        fit = ppxf(template[:, None], spectrum, np.full_like(spectrum, 1e-3), 25.0, [0.9 * v, 10.0], moments=2,
                   degree=-1, mdegree=0, quiet=True,
                   lam=lam_galaxy, lam_temp=lam_template)
        assert abs(fit.sol[0] - v) < 0.1


# ---- P2: the flux is all there -------------------------------------------------------------------

def band_light(bench, s, z, d_l):
    """sum of L/(4 pi D_L^2) of all stars in the band [1e-20 erg/s/cm2], each at its own velocity."""
    painter = Painter(ssp.Library.read(bench.ssp_file), bench.inst, z, d_l)
    band = painter.edge[[0, -1]]
    total = 0.0
    for m, t, met, v in zip(s["mass"], s["age"], s["z"], s["vel"][:, 2]):
        total += m * painter.scale * ssp.integrate(painter.template(t, met), painter.lib.lam,
                                                   band / ((1 + z) * math.exp(v / C)))[0]
    return total


@pytest.mark.parametrize("pixel, n, psf",
                         [(0.5, 20, None), (0.25, 40, None), (1.0, 10, None), (0.5, 40, "gaussian"),
                          (0.5, 60, "moffat")])
def test_P2_flux_budget(bench, pixel, n, psf):
    """Whatever the spaxels and the PSF, the cube holds the stars' light."""
    kw = {} if psf is None else dict(psf=psf, psf_curve=(3.0, -4e-4), psf_beta=2.6)
    bench.instrument(n, n, pixel, lam=(5000.0, 5049.0, 1.0), **kw)
    bench.ssp()
    s = galaxy(200, seed=4, radius=0.8)
    s["pos"] = np.clip(s["pos"], -4, 4)
    bench.particles(s)
    want = band_light(bench, s, 0.05, cosmology.scene(0.05, 0.3089, 0.6911, 0.6774)[0])
    for name, tolerance in (("cubix64", 1e-10), ("cubix", 1e-6)):
        assert abs(bench.cube(name, Redshift=0.05, **AT_REST)["DATA"].sum() * bench.inst.step / want - 1) < tolerance


def test_P2_light_comes_in_over_the_fields_edge(bench):
    """A star just outside the field shines into it through the PSF: the field is painted with a margin."""
    bench.instrument(9, 9, 0.5, lam=(5000.0, 5019.0, 1.0), psf="gaussian", psf_curve=(1.5,))
    bench.ssp()
    bench.particles(stars((0, 0, 0, 0, 0, 0, 1e6, 4, 0.02), (2.4, 0, 0, 0, 0, 0, 1e6, 4, 0.02)))
    image = bench.cube(Redshift=0.05, **AT_REST)["DATA"].sum(axis=0)
    # 2.4 kpc is 2.38": the spaxel beyond the eastern edge, whose light leaks in as that of the
    # middle star leaks by five spaxels
    assert image[4, 0] > 10 * image[4, 8] > 0


# ---- P3: distance --------------------------------------------------------------------------------

# Mpc: check values of the literature's cosmology, Om 0.3089, h 0.6774
D_L = {0.01: 44.595, 0.1: 475.341, 1.0: 6792.42}


def test_P3_inverse_square_and_dimming(bench):
    bench.ssp()
    bench.particles(one_star())
    seen = {}
    for z in (0.01, 0.1, 0.5, 1.0, 2.0):
        bench.instrument(1, 1, 5.0, lam=(5000 * (1 + z), 5099.5 * (1 + z), 1 + z))
        seen[z] = bench.cube("cubix64", Redshift=z, **AT_REST)["DATA"][:, 0, 0]
    for z, flux in seen.items():
        d_l, kpc = cosmology.scene(z, 0.3089, 0.6911, 0.6774)
        d_0, kpc_0 = cosmology.scene(0.01, 0.3089, 0.6911, 0.6774)
        assert_close(flux * d_l**2 * (1 + z), seen[0.01] * d_0**2 * 1.01, 1e-11)
        assert abs(flux.mean() / seen[0.01].mean() * (kpc / kpc_0)**2 / ((1 + z) / 1.01)**-5 - 1) < 1e-10      # per AA
        assert abs(flux.sum() * (1 + z) / (seen[0.01].sum() * 1.01) * (kpc / kpc_0)**2 / ((1 + z) / 1.01)**-4
                   - 1) < 1e-10
        if z in D_L:
            assert abs(math.sqrt(seen[0.01].mean() * 1.01 / (flux.mean() * (1 + z))) / (D_L[z] / D_L[0.01]) - 1) < 3e-5


# ---- P5: mass and light weights ------------------------------------------------------------------

def test_P5_weighted_means(bench):
    bench.instrument(1, 1, 5.0, lam=(5000.0, 5099.0, 1.0))
    bench.ssp()
    s = stars((0, 0, 0, 0, 0, 100, 2e6, 1.0, 0.01), (0.1, 0, 0, 0, 0, -50, 3e6, 13.0, 0.04))
    bench.particles(s)
    got = bench.cube(Redshift=0.02, **AT_REST)
    lib = ssp.Library.read(bench.ssp_file)
    edge = bench.inst.edges()[[0, -1]] / 1.02
    light = np.array([2e6, 3e6]) * [ssp.integrate(ssp.between(lib.lam, row, "spline"), lib.lam, edge)[0]
                                    for row in (lib.luminosity[2, 3], lib.luminosity[4, 5])]
    mass = np.array([2e6, 3e6])
    for name, w in (("M", mass), ("L", light)):
        f = w / w.sum()
        assert abs(got[f"AGE_{name}"][0, 0] - f @ [1, 13]) < 1e-5 and abs(got[f"Z_{name}"][0, 0] - f @ [0.01,
                                                                                                        0.04]) < 1e-7
        assert abs(got[f"VEL_{name}"][0, 0] - f @ [100, -50]) < 1e-3 and abs(got[f"SIG_{name}"][0, 0] - 150
                                                                             * math.sqrt(f[0] * f[1])) < 1e-3
    assert got["MASS"][0, 0] == 5e6
    assert abs(got["MASS_NOW"][0, 0] / got["MASS"][0, 0] - 0.6) < 1e-6
    assert got["NSTAR"][0, 0] == 2


def test_P5_surviving_mass(bench):
    """Present over formed mass is what the particles say, spaxel by spaxel."""
    bench.instrument(6, 6, 1.0, lam=(5000.0, 5009.0, 1.0))
    bench.ssp()
    s = galaxy(400, seed=2, radius=1.0)
    s["mass_now"] = s["mass"] * 0.57
    bench.particles(s)
    got = bench.cube(Redshift=0.05)
    on = got["MASS"] > 0
    assert np.abs(got["MASS_NOW"][on] / got["MASS"][on] - 0.57).max() < 1e-6


# ---- P7: a rotating disc -------------------------------------------------------------------------

def disc_at_spaxels(inclination, pa, n, pixel_kpc, v_max=220.0, r_turn=1.5):
    """A thin disc, face-on in the x-y plane of the file, turning counter-clockwise seen from +z,
    with a star (doubled above and below) behind every spaxel's centre once the disc is seen at this
    inclination and position angle.  A small body with nearly all the present mass defines its axes,
    x the longest. Returns stars and v_los [n_y][n_x]."""
    i, p = np.radians([inclination, pa])
    col, row = np.meshgrid(np.arange(n), np.arange(n))
    east, north = (0.5 * n - col - 0.5) * pixel_kpc, (row + 0.5 - 0.5 * n) * pixel_kpc
    along = east * np.sin(p) + north * np.cos(p)                # the receding half of the major axis
    across = (east * np.cos(p) - north * np.sin(p)) / np.cos(i)
    r = np.hypot(along, across)
    speed = v_max * 2 / np.pi * np.arctan(r / r_turn)
    v_los = speed * np.sin(i) * along / np.maximum(r, 1e-9)
    rows = []
    for a, b, rr, v in zip(along.ravel(), across.ravel(), r.ravel(), speed.ravel()):
        c, s = (a / rr, b / rr) if rr > 0 else (1, 0)
        # in the disc: a along the line of nodes (e1), b along e2, 90 degrees ahead in the sense of rotation
        rows += [(a, b, h, -v * s, v * c, 0, 1e5, 4, 0.02) for h in (0.003, -0.003)]
    corner = np.array([[i, j, k] for i in (1, -1) for j in (1, -1) for k in (1, -1)])
    body = (np.abs(RNG(5).standard_normal((30, 1, 3))) * [1.0, 0.6, 0.3] * corner).reshape(-1, 3)
    out = stars(*rows, *[(x, y, z, -150 * y, 150 * x, 0, 1e-3, 4, 0.02) for x, y, z in body])
    out["mass_now"][:] = 1e-4
    out["mass_now"][len(rows):] = np.where(body[:, 0] > 0, 1.1e8, 1e8)
    return out, v_los


@pytest.mark.parametrize("inclination, pa", [(60.0, 0.0), (60.0, 40.0), (30.0, -110.0)])
@pytest.mark.parametrize("align", ["inertia", "angularmomentum"])
def test_P7_velocity_field_of_a_disc(bench, inclination, pa, align):
    n, pixel = 15, 0.5
    kpc = cosmology.scene(0.05, 0.3089, 0.6911, 0.6774)[1]
    s, v_los = disc_at_spaxels(inclination, pa, n, pixel * kpc)
    turn = np.linalg.qr(RNG(11).standard_normal((3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    s["pos"], s["vel"] = s["pos"] @ turn.T, s["vel"] @ turn.T
    bench.instrument(n, n, pixel, lam=(5000.0, 5009.0, 1.0))
    bench.ssp()
    bench.particles(s)
    got = bench.cube(Redshift=0.05, Orientation="inclined", Inclination=inclination, PositionAngle=pa, AlignWith=align,
                     AlignRadius=3.0, **AT_REST)
    assert abs(got["MASS"].min() / 2e5 - 1) < 1e-6
    assert np.abs(got["VEL_M"] - v_los).max() < 1.0
    assert np.abs(got["VEL_L"] - v_los).max() < 1.0
    # the gradient of the map points to the position angle, north through east
    col, row = np.meshgrid(np.arange(n), np.arange(n))
    found = math.degrees(math.atan2((got["VEL_M"] * (7 - col)).sum(), (got["VEL_M"] * (row - 7)).sum()))
    assert abs((found - pa + 180) % 360 - 180) < 1.0


# ---- orientation ---------------------------------------------------------------------------------

def test_east_is_left_and_north_is_up(bench):
    from astropy.wcs import WCS
    bench.instrument(9, 7, 1.0, lam=(5000.0, 5002.0, 1.0))
    bench.ssp()
    kpc = cosmology.scene(0.05, 0.3089, 0.6911, 0.6774)[1]
    bench.particles(one_star(x=3 * kpc, y=2 * kpc))              # 3" east, 2" north
    got = bench.cube(Redshift=0.05, **AT_REST)
    image = got["DATA"].sum(axis=0)
    assert np.argwhere(image > 0).tolist() == [[5, 1]]
    sky = WCS(got["header"]["DATA"]).celestial
    here, middle = sky.pixel_to_world(1, 5), sky.pixel_to_world(4, 3)
    east, north = middle.spherical_offsets_to(here)
    assert abs(east.arcsec - 3) < 1e-4 and abs(north.arcsec - 2) < 1e-4


def test_pointing_and_roll(bench):
    bench.ssp()
    kpc = cosmology.scene(0.05, 0.3089, 0.6911, 0.6774)[1]
    bench.particles(one_star(x=3 * kpc, y=2 * kpc))
    bench.instrument(9, 9, 1.0, lam=(5000.0, 5002.0, 1.0))
    where = lambda **kw: np.argwhere(bench.cube(Redshift=0.05, **AT_REST, **kw)["NSTAR"] > 0).tolist()
    assert where(PointingX=3, PointingY=2) == [[4, 4]]
    assert where(PointingX=4, PointingY=0) == [[6, 5]]           # now 1" west and 2" north of the field's centre
    # the detector's north a quarter turn counter-clockwise from the sky's: it points east, so that
    # east is up and south is left
    assert where(Roll=90) == [[7, 6]]


def test_face_on_disc_turns_counter_clockwise(bench):
    """Two marks in the disc: one on the major axis, which PositionAngle 0 puts north; the other 90
    degrees ahead in the sense of rotation: east, counter-clockwise."""
    s = galaxy(600, seed=6, radius=1.2, tilt=False)
    s["pos"][:, 0] *= 1.6
    s["pos"] -= np.median(s["pos"], axis=0)
    s = {k: np.concatenate([x, x[:2]]) for k, x in s.items()}
    s["pos"][-2:], s["vel"][-2:] = [[4.5, 0, 0], [0, 4.5, 0]], [[0, 200, 0], [-200, 0, 0]]
    s["mass"][-2:] = 1e10, 2e10                                  # birth masses: they do not weigh in the alignment
    s["mass_now"][-2:] = 1.0
    bench.instrument(21, 21, 0.5, lam=(5000.0, 5002.0, 1.0))
    bench.ssp()
    for turn in (np.eye(3), np.diag([1.0, -1.0, -1.0]), np.diag([-1.0, 1.0, -1.0])[:, [2, 0, 1]]):
        turn = turn * np.sign(np.linalg.det(turn))
        bench.particles({**s, "pos": s["pos"] @ turn.T, "vel": s["vel"] @ turn.T})
        got = bench.cube(Redshift=0.05, Orientation="faceon", PositionAngle=0, Centre=(0.0, 0.0, 0.0))
        first, ahead = (np.argwhere(np.abs(got["MASS"] / m - 1) < 0.01)[0] for m in (1e10, 2e10))
        north, east = first[0] - 10, 10 - first[1]
        # the major axis; which half is the one with more stars far out
        assert abs(north) > 5 > abs(east)
        assert np.sign(10 - ahead[1]) == np.sign(north) and abs(10 - ahead[1]) > 5
        assert np.abs(got["VEL_M"][got["NSTAR"] > 0]).max() < 250


# ---- invariances ---------------------------------------------------------------------------------

def test_a_velocity_shift_is_a_redshift(bench):
    bench.instrument(1, 1, 10.0, lam=(5000.0, 5199.0, 1.0))
    bench.ssp()
    u, z = 900.0, 0.05
    bench.particles(one_star(v=u))
    moved = bench.cube("cubix64", Redshift=z, Distance=100.0, **AT_REST)["DATA"]
    bench.particles(one_star())
    shifted = bench.cube("cubix64", Redshift=(1 + z) * math.exp(u / C) - 1, Distance=100.0, **AT_REST)["DATA"]
    assert_close(moved, shifted, 1e-11, local_level(shifted))


def test_turning_the_galaxy_back_and_forth(bench):
    from oracle.frame import rotation_angles
    bench.instrument(12, 10, 0.5, lam=(5000.0, 5049.0, 1.0))
    bench.ssp()
    s = galaxy(200, seed=12, radius=0.8)
    bench.particles(s)
    want = bench.cube(Redshift=0.05, **AT_REST)
    back = rotation_angles(30, -50, 70).T
    bench.particles({**s, "pos": s["pos"] @ back.T, "vel": s["vel"] @ back.T})
    got = bench.cube(Redshift=0.05, Orientation="angles", Alpha=30, Beta=-50, Gamma=70, **AT_REST)
    assert_close(got["DATA"], want["DATA"], 2e-6, local_level(want["DATA"]))
    assert_close(got["VEL_M"], want["VEL_M"], 1e-6, 100.0, gaps=True)


# ---- P11: line width -----------------------------------------------------------------------------

@pytest.mark.parametrize("z, own", [(0.0, 0.0), (0.08, 1.5)])
def test_P11_an_arc_line_has_the_instruments_width(bench, z, own):
    """A line as narrow as the library says comes out with the instrument's FWHM, pixel included, at
    every wavelength."""
    curve = (5.866e-8 * 5400**2 + 1.1, 3e-4)                     # AA
    bench.instrument(1, 1, 50.0, lam=(5000.0, 5799.0, 1.25), lsf_curve=curve)
    lam = np.arange(4600.0, 6000.0, 0.1)
    sigma = max(own, 0.25) / FWHM
    centres = np.array([5150.0, 5400.0, 5650.0]) / (1 + z)
    line = 1e30 * np.exp(-0.5 * ((lam[:, None] - centres) / sigma)**2).sum(axis=1)
    bench.ssp(lam=lam, luminosity=np.broadcast_to(line, (1, 1, len(lam))).copy(), ages=[1.0], metals=[0.02],
              fwhm=max(own, 0.25))
    bench.particles(one_star())
    got = bench.cube("cubix64", Redshift=z, Distance=50.0, **AT_REST)
    at = bench.inst.centres()
    for centre in centres * (1 + z):
        near = np.abs(at - centre) < 20
        w, x = got["DATA"][near, 0, 0], at[near]
        mean = (w * x).sum() / w.sum()
        width = FWHM * math.sqrt((w * (x - mean)**2).sum() / w.sum())
        assert abs(mean - centre) < 0.01
        assert abs(width / (curve[0] + curve[1] * centre) - 1) < 0.01
    lsf = got["LSF"]
    assert abs(np.interp(5400.0, lsf[lsf.dtype.names[0]], lsf[lsf.dtype.names[1]]) / (curve[0] + curve[1] * 5400)
               - 1) < 1e-5


def test_P11_nothing_is_broadened_twice(bench):
    """A library with the instrument's own width is left alone at z = 0."""
    bench.ssp("uniform", fwhm=2.5)
    bench.particles(one_star())
    bench.instrument(1, 1, 50.0, lam=(5000.0, 5199.0, 1.0), lsf_curve=(2.5,), lsf_pixel_included=False)
    got = bench.cube("cubix64", Redshift=0.0, Distance=50.0, **AT_REST)
    bare = bench.cube("cubix64", Redshift=0.0, Distance=50.0, Lsf="none", **AT_REST)
    assert_close(got["DATA"], bare["DATA"], 1e-12, local_level(bare["DATA"]))


@pytest.mark.parametrize("included", [True, False])
def test_a_library_that_is_too_broad_says_by_how_much(bench, included):
    """The log names the widths at the worst channel and at strong lines; a line in the cube has them."""
    own, inst, pixel = 3.2, (2.0, 1e-4), 1.25                    # AA
    bench.instrument(1, 1, 50.0, lam=(5000.0, 5799.0, pixel), lsf_curve=inst, lsf_pixel_included=included)
    lam, at_line = np.arange(4600.0, 6000.0, 0.1), 5176.6
    line = 1e30 * np.exp(-0.5 * ((lam - at_line) * FWHM / own)**2)
    bench.ssp(lam=lam, luminosity=np.broadcast_to(line, (1, 1, len(lam))).copy(), ages=[1.0], metals=[0.02], fwhm=own)
    bench.particles(one_star())
    got = bench.cube("cubix64", Redshift=0.0, Distance=50.0, **AT_REST)
    text, = [row for row in (got["run"].out + got["run"].err).splitlines() if "is not sharpened" in row]
    box = FWHM * pixel / math.sqrt(12)
    assert "640 of 640 channels" in text

    def too_broad(at):
        wide, want = math.hypot(own, box), math.hypot(inst[0] + inst[1] * at, 0 if included else box)
        return wide, want, 100 * (wide / want - 1)

    assert "up to %.1f %% too broad (at 5000 AA %.2f instead of %.2f AA" % (too_broad(5000.0)[2],
                                                                            *too_broad(5000.0)[:2]) in text
    assert "Mg b %.0f %%" % too_broad(at_line)[2] in text and "H alpha" not in text
    w, x = got["DATA"][:, 0, 0], bench.inst.centres()
    near = np.abs(x - at_line) < 15
    width = FWHM * math.sqrt((w[near] * (x[near] - at_line)**2).sum() / w[near].sum())
    assert abs(width / too_broad(at_line)[0] - 1) < 0.005


# ---- galaxies that are hard to align -------------------------------------------------------------

def _few(seed):
    s = galaxy(300, seed=seed, radius=0.8, tilt=False)
    s["pos"] -= np.median(s["pos"], axis=0)
    return s


def _flat():
    s = galaxy(1000, seed=1, radius=0.8, tilt=False)
    s["pos"][:, 2] = s["vel"][:, 2] = 0.0
    return s


HARD = {"few stars": lambda: _few(17), "fewer": lambda: _few(0), "perfectly flat": _flat,
        "on a line": lambda: stars(*[(0.1 * i, 0, 0, 0, 20.0 * i, 0, 1e5, 4, 0.02) for i in range(-8, 9)]),
        "one star": lambda: stars((0, 0, 0, 0, 0, 50, 1e5, 4, 0.02))}


@pytest.mark.parametrize("align", ["inertia", "angularmomentum"])
@pytest.mark.parametrize("which", HARD)
def test_alignment_of_hard_cases(bench, which, align):
    """The iterated tensor shrinks to nothing where there are few stars, and has no third axis where
    they are flat: the disc must still be found, or a warning that names AlignWith must say that it
    is lost. Seen face-on, a disc in the file's x-y plane shows its rotation nowhere; an axis that
    is wrong would."""
    bench.instrument(14, 14, 0.5, lam=(5000.0, 5002.0, 1.0))
    bench.ssp()
    s = HARD[which]()
    bench.particles(s)
    done = run("cubix", [bench.parameters(Redshift=0.05, Orientation="faceon", AlignWith=align, **AT_REST)],
               cwd=bench.folder)
    if done.status != 0:
        assert which in ("on a line", "one star") and "Align" in done.err, done.err
        return
    got = read_cube(bench.out)
    assert np.isfinite(got["DATA"]).all() and np.array_equal(np.isnan(got["VEL_M"]), got["NSTAR"] == 0)
    if which in ("few stars", "fewer", "perfectly flat") and "AlignWith" not in done.err:
        speed = np.sqrt((s["vel"]**2).sum(axis=1).mean())
        seen = got["NSTAR"] > 0
        rms = math.sqrt(np.average(got["VEL_M"][seen]**2 + got["SIG_M"][seen]**2, weights=got["MASS"][seen]))
        assert rms < 0.5 * speed
