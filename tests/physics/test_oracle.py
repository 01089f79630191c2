"""The oracle itself, against closed forms and against plainer methods: who checks the checker."""
import math

import numpy as np
import pytest
from scipy.signal import convolve2d
from scipy.special import erf

from oracle import cosmology, frame, lsf, paint, psf, spectral, ssp
from oracle.constants import C, FWHM, HUBBLE_GYR
from oracle.instrument import Instrument

TNG = (0.3089, 0.6911, 0.6774)


def test_cosmology_check_values():
    for a, t in ((1, 13.8027), (0.5, 5.8670), (1 / 3, 3.2877)):
        assert abs(cosmology.age(a, *TNG) - t) < 5e-5
        om, ol, h = TNG
        closed = 2 * HUBBLE_GYR / (300 * h * math.sqrt(ol)) * math.asinh(math.sqrt(ol / om) * a**1.5)
        assert abs(cosmology.age(a, *TNG) / closed - 1) < 1e-12
    for z, d_l, scale in ((0.01, 44.595, 0.21194), (0.1, 475.341, 1.90456), (1, 6792.42, 8.23265)):
        got = cosmology.scene(z, *TNG)
        assert abs(got[0] / d_l - 1) < 2e-5 and abs(got[1] / scale - 1) < 2e-5


def test_cosmology_einstein_de_sitter_and_empty():
    assert abs(cosmology.luminosity_distance(3, 1, 0, 0.7) / (4 * 2 * C / 70 * (1 - 0.5)) - 1) < 1e-12
    assert abs(cosmology.luminosity_distance(1, 0, 0, 0.7) / (C / 70 * (1 + 0.5)) - 1) < 1e-12
    assert abs(cosmology.age(0.25, 1, 0, 0.7) / (2 / 3 * HUBBLE_GYR / 70 * 0.125) - 1) < 1e-12


def test_air_and_vacuum():
    lam = np.linspace(2000, 30000, 1001)
    assert np.abs(spectral.vacuum_to_air(spectral.air_to_vacuum(lam)) - lam).max() < 1e-4
    for vac, kms in ((4862.68, 83.8), (6564.61, 82.8)):
        assert abs(C * math.log(vac / spectral.vacuum_to_air(vac)) - kms) < 0.1
    assert spectral.air_to_vacuum(1999.0) == 1999.0


def test_channels_reach_the_last():
    assert len(spectral.channels(4750.0, 9350.0, 1.25)) == 3681
    assert len(spectral.channels(1.0, 1.9, 0.1)) == 10
    assert len(spectral.edges(5000.0, 5001.9, 1.0, "vacuum")) == 3


@pytest.mark.parametrize("semantic", ["spline", "linear"])
def test_integral_of_a_template(semantic):
    lam = np.array([4000.0, 4003, 4004, 4010, 4011.5, 4020, 4021, 4030])
    poly = np.poly1d([0.3, 2.0] if semantic == "linear" else [1e-4, -2e-3, 1.0, 5.0])
    edge = np.linspace(3990, 4045, 24)
    got = ssp.integrate(ssp.between(lam, poly(lam - 4000), semantic), lam, edge)
    whole = poly.integ()
    want = np.diff(whole(np.clip(edge, lam[0], lam[-1]) - 4000))
    assert np.abs(got - want).max() < 1e-9 * np.abs(want).max()
    assert got[0] == 0 and got[-1] == 0


def _library(n=400, fwhm=2.0, step=1.0):
    lam = 5000 + step * np.arange(n)
    lines = np.exp(-0.5 * ((lam - lam[n // 2]) / 3.0)**2)
    return ssp.Library([1.0, 10.0], [0.01, 0.02], lam, np.array([[1 + lines, 2 + lines], [3 + lines, 5 + lines]]),
                       np.full(n, fwhm))


def test_weights_are_bilinear_and_clamped():
    lib = _library()
    flat = lib.luminosity[:, :, :1]
    at = lambda age, z, how="linear": ssp.star_template(lib, flat, age, z, how)[0]
    assert abs(at(math.sqrt(10), math.sqrt(2) * 0.01) - 2.75) < 1e-12
    assert at(0.0, 0.0) == flat[0, 0, 0] and at(50, 1) == flat[1, 1, 0]
    assert abs(at(2.0, 0.01, "pchip") - at(2.0, 0.01)) < 1e-12      # two nodes: the same straight line
    lib.age[0] = 0
    assert abs(at(math.sqrt(1e-4 * 10), 0.01) - 1.5) < 1e-12


@pytest.mark.parametrize("semantic", ["spline", "linear"])
def test_broadened_gaussian(semantic):
    """A Gaussian line broadened by a Gaussian is the broader Gaussian."""
    lam = 5000 + 0.25 * np.arange(1200)
    line = np.exp(-0.5 * ((lam - 5150) / 3.0)**2)
    lib = ssp.Library([1.0], [0.02], lam, line[None, None, :], np.full(1200, 2.0))
    inst = Instrument(1, 1, 1, 1, 5000, 5300, 0.5, lsf_fwhm=lambda l: 8.0 + 0 * l, lsf_pixel_included=False)
    for z in (0.0, 0.3):
        s2 = ((8 / FWHM)**2 - ((1 + z) * 2 / FWHM)**2) / (1 + z)**2
        points = np.arange(500, 701, 20)
        got = lsf.broaden(lib, z, inst, semantic, points)[0, 0][points]
        want = 3 / math.sqrt(9 + s2) * np.exp(-0.5 * (lam[points] - 5150)**2 / (9 + s2))
        # 6 sigma cut; straight lines through the points are themselves a little broader
        assert np.abs(got - want).max() < (1e-5 if semantic == "spline" else 5e-4)


def test_no_broadening_where_the_template_is_broader():
    lib = _library(fwhm=6.0)
    inst = Instrument(1, 1, 1, 1, 5000, 5300, 1.0, lsf_fwhm=lambda l: 2.5 + 0 * l)
    assert np.array_equal(lsf.broaden(lib, 0.0, inst, "spline"), lib.luminosity)


def test_flat_spectrum_survives_broadening_to_the_edge():
    lib = _library()
    lib.luminosity[:] = 7.0
    inst = Instrument(1, 1, 1, 1, 5000, 5300, 1.0, lsf_fwhm=lambda l: 6 + 1e-3 * (l - 5000))
    assert np.abs(lsf.broaden(lib, 0.05, inst, "spline") - 7).max() < 1e-12


def test_spaxels_east_is_left():
    inst = Instrument(12, 10, 0.5, 0.5, 5000, 5010, 1)
    assert tuple(int(k) for k in paint.sky_to_spaxel(inst, np.array(2.9), np.array(2.4))) == (0, 9)
    assert tuple(int(k) for k in paint.sky_to_spaxel(inst, np.array(-2.9), np.array(-2.4))) == (11, 0)
    inst.roll = 90.0                                        # the detector's up points east
    ix, iy = paint.sky_to_spaxel(inst, np.array(2.3), np.array(0.1))
    assert iy == 9 and ix in (5, 6)


def test_gaussian_psf_against_closed_form():
    inst = Instrument(9, 9, 0.4, 0.4, 5000, 5001, 1, psf="gaussian", psf_fwhm=lambda l: 1.3 + 0 * l)
    r = psf.margin(inst)
    assert r == math.ceil(2.5 * 1.3 / 0.4)
    k = psf.kernel(inst, 5000.0, r, psf.cut(inst))
    s = 1.3 / FWHM * math.sqrt(2)
    axis = np.array([0.5 * (erf((i + 0.5) * 0.4 / s) - erf((i - 0.5) * 0.4 / s)) for i in range(-r, r + 1)])
    # the cut lies at 8.125 spaxels, between rows 8 and 9
    axis[[0, -1]] *= 0.125**3 * (10 - 15 * 0.125 + 6 * 0.125**2)
    assert abs(k.sum() - 1) < 1e-14 and np.abs(k - np.outer(axis, axis) / axis.sum()**2).max() < 1e-15


def test_moffat_holds_its_light_and_its_width():
    inst = Instrument(9, 9, 0.05, 0.05, 5000, 5001, 1, psf="moffat", psf_fwhm=lambda l: 0.5 + 0 * l, psf_beta=4.0)
    k = psf.kernel(inst, 5000.0, psf.margin(inst), psf.cut(inst))
    row = k[len(k) // 2]
    x = np.arange(len(row)) - len(row) // 2
    half = np.interp(-0.5 * row.max(), -row[len(row) // 2:], x[len(row) // 2:]) * 0.05
    assert abs(2 * half / 0.5 - 1) < 0.01 and abs(k.sum() - 1) < 1e-14


def test_an_elongated_psf_is_as_long_as_it_says():
    """Second moments along and across the position angle, north (up) through east (left): sigma/sqrt(e), sigma sqrt(e)."""
    inst = Instrument(9, 9, 0.1, 0.1, 5000, 5001, 1, psf="gaussian", psf_fwhm=lambda l: 0.8 + 0 * l, psf_axis_ratio=0.5,
                      psf_angle=30.0)
    r = psf.margin(inst)
    k = psf.kernel(inst, 5000.0, r, psf.cut(inst))
    north, east = np.mgrid[-r:r + 1, -r:r + 1] * [[[0.1]], [[-0.1]]]
    along, across = 0.5 * east + math.sqrt(0.75) * north, math.sqrt(0.75) * east - 0.5 * north
    for axis, stretch in ((along, math.sqrt(2)), (across, math.sqrt(0.5))):
        assert abs((k * axis**2).sum() / ((0.8 / FWHM * stretch)**2 + 0.1**2 / 12) - 1) < 2e-3
    assert abs((k * along * across).sum()) < 1e-4


def test_convolution_against_the_plain_one():
    rng = np.random.default_rng(1)
    kernel = rng.random((3, 5))
    inst = Instrument(6, 5, 1, 1, 5000, 5002, 1, psf="file", psf_kernel=kernel)
    painted = rng.random((3, 9, 10))
    got = psf.apply(inst, painted)
    want = convolve2d(painted[1], kernel / kernel.sum(), mode="same")[2:7, 2:8]
    assert np.abs(got[1] - want).max() < 1e-14


def _disc(n, seed, spin=1.0):
    rng = np.random.default_rng(seed)
    r, phi = rng.exponential(3, n), rng.uniform(0, 2 * np.pi, n)
    pos = np.array([r * np.cos(phi), 0.6 * r * np.sin(phi), 0.2 * rng.standard_normal(n)]).T
    vel = spin * 200 * np.array([-np.sin(phi), np.cos(phi), 0 * phi]).T
    return pos, vel, rng.uniform(1, 2, n)


@pytest.mark.parametrize("align", ["inertia", "angularmomentum"])
def test_axes_turn_with_the_galaxy(align):
    pos, vel, mass = _disc(500, 3)
    axes = frame.body_axes(pos, vel, mass, align, 5.0)[0]
    assert abs(np.linalg.det(axes) - 1) < 1e-12 and axes[2, 2] > 0.99
    turn = frame.rotation_angles(37, -121, 13)
    again = frame.body_axes(pos @ turn.T, vel @ turn.T, mass, align, 5.0)[0]
    assert np.abs(again - axes @ turn.T).max() < 1e-7


def test_face_on_turns_counter_clockwise_and_receding_side_is_at_pa():
    pos, vel, mass = _disc(500, 4, spin=-1.0)
    axes = frame.body_axes(pos, vel, mass)[0]
    for i, pa in ((0.0, 0.0), (0.0, 70.0), (60.0, 30.0)):
        r = frame.rotation_inclined(axes, i, pa)
        assert abs(np.linalg.det(r) - 1) < 1e-12
        x, v = pos @ r.T, vel @ r.T
        # on the sky east is left, so counter-clockwise is from north to east: y -> x
        if i == 0:
            assert np.mean(x[:, 1] * v[:, 0] - x[:, 0] * v[:, 1] > 0) > 0.98
        else:
            along = x[:, 0] * np.sin(np.radians(pa)) + x[:, 1] * np.cos(np.radians(pa))
            assert (along * v[:, 2]).sum() > 0
