"""P12: a variance that the residuals obey, electrons where there are few, the S/N that was asked
for, and random numbers that depend on the seed alone."""
import math

import numpy as np
import pytest
from scipy.stats import kstest

from harness import assert_close, galaxy
from oracle.noise import variance


def noisy(bench, **kw):
    bench.instrument(10, 10, 0.5, lam=(5000.0, 5099.0, 1.0),
                     **{**dict(area=5e5, throughput=(0.1, 4e-5), sky=(2e-17, 1e-21), dark=1e-3, read_noise=3.0,
                          n_pixel=4.0, exposure=900.0, n_sky=40.0), **kw})
    bench.ssp()
    bench.particles(galaxy(400, seed=20, radius=1.0))


@pytest.mark.parametrize("sky, read", [(2e-17, 3.0), (1e-19, 0.0), (0.0, 3.0)])
def test_P12_variance_and_residuals(bench, sky, read):
    noisy(bench, sky=(sky,), read_noise=read, aperture="circle")
    clean = bench.cube(Redshift=0.05)
    got = bench.cube(Redshift=0.05, Noise="exposure", ExposureTime=2000.0, KeepNoiseFree=True)
    assert np.array_equal(got["NOISEFREE"], clean["DATA"])
    want = variance(bench.inst, clean["DATA"], 2000.0, 1e-20)
    assert_close(got["STAT"], want, 5e-6)
    inside = np.broadcast_to(bench.inst.inside(), want.shape)
    assert not got["DATA"][~inside].any() and (got["STAT"][inside] > 0).all()
    chi = (got["DATA"] - clean["DATA"])[inside] / np.sqrt(got["STAT"][inside])
    assert abs(chi.mean()) < 5 / math.sqrt(chi.size) and abs(chi.std() - 1) < 5 / math.sqrt(2 * chi.size)
    electrons = (want * (bench.inst.area * bench.inst.throughput(5050.0) * 2000 * 5050 / 1.986e-8 * 1e-20)**2)[inside]
    if electrons.min() > 200:                                    # few electrons are Poisson, not Gauss
        assert kstest(chi, "norm").pvalue > 1e-3


def test_P12_few_electrons_are_whole(bench):
    """Without sky and read noise and with little light the detector counts electrons."""
    noisy(bench, sky=(0.0,), read_noise=0.0, dark=0.0, n_pixel=1.0, area=1.2e5)
    got = bench.cube("cubix64", Redshift=0.05, Noise="exposure", ExposureTime=100.0, KeepNoiseFree=True)
    lam = bench.inst.centres()[:, None, None]
    per_unit = bench.inst.area * bench.inst.throughput(lam) * 100.0 * 1.0 * lam / 1.986445857148968e-8 * 1e-20
    mean, counted = got["NOISEFREE"] * per_unit, got["DATA"] * per_unit
    assert 10 < mean.max() < 45                                  # the law of few electrons holds below 50
    assert counted.min() >= -1e-9 and np.abs(counted - np.round(counted)).max() < 1e-6
    lit = mean > 0
    assert not counted[~lit].any()
    assert abs((counted - mean)[lit].sum()) < 5 * math.sqrt(mean.sum())
    few = (mean > 0.5) & (mean < 1.5)
    assert abs((counted[few] == 0).mean() - np.exp(-mean[few]).mean()) < 5 * 0.5 / math.sqrt(few.sum())


def test_P12_signal_to_noise_is_met(bench):
    noisy(bench)
    got = bench.cube(Redshift=0.05, Noise="snr", SignalToNoise=40.0, SnrAperture=1.2, SnrLambdaMin=5020,
                     SnrLambdaMax=5080, KeepNoiseFree=True)
    lam = bench.inst.centres()
    offset = (np.arange(10) - 4.5) * 0.5
    aperture = np.hypot(*np.meshgrid(offset, offset)) <= 1.2
    band = (lam >= 5020) & (lam <= 5080)
    snr = (got["NOISEFREE"] / np.sqrt(got["STAT"]))[band][:, aperture] / math.sqrt(1.0)
    assert abs(np.median(snr) / 40 - 1) < 1e-3


def test_P12_the_seed_and_nothing_else_decides(bench):
    noisy(bench)
    par = dict(Redshift=0.05, Noise="exposure", ExposureTime=500.0)
    first = bench.cube(Seed=3, **par)["DATA"]
    assert np.array_equal(first, bench.cube(Seed=3, **par)["DATA"])
    assert np.abs(first - bench.cube(Seed=3, ranks=3, **par)["DATA"]).max() < 1e-5 * np.abs(first).max()
    other = bench.cube(Seed=4, **par)["DATA"]
    clean = bench.cube(Redshift=0.05)["DATA"]
    a, b = (first - clean).ravel(), (other - clean).ravel()
    assert abs(np.corrcoef(a, b)[0, 1]) < 5 / math.sqrt(a.size)
    neighbours = (first - clean)
    assert abs(np.corrcoef(neighbours[:, :, 1:].ravel(), neighbours[:, :, :-1].ravel())[0, 1]) < 5 / math.sqrt(a.size)
