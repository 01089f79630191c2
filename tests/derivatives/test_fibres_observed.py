"""ObservedFile with spectra of fibres: read as they are written, by CUBIX or as MaNGA's pipeline does; the model's
spectra are compared with them, and differentiated."""
import math

import numpy as np
import pytest
from astropy.io import fits

from harness import dump_observed, read_cube, within
from test_fibres_chain import VIEW, derive, rows, setup

N_L, N_F = 80, 21
SNR = dict(Noise="snr", SignalToNoise=15.0)


@pytest.fixture
def seen(bench):
    """A bench with seen-rss.fits, 21 spectra with noise."""
    setup(bench)
    bench.cube(**VIEW, **SNR, OutputFile=bench.path("seen.fits"))
    return bench


def read(bench, name, first=0, n=-1, status=0, **parameters):
    """data, weight [spectrum][channel] as the reader hands them on; where it fails, its message."""
    out = bench.path("dump")
    parameters = {"Instrument": bench.inst_file, "ObservedFile": bench.path(name), "Lsf": "none", "Sampling": "fibres",
                  **parameters}
    done = dump_observed(bench.folder, out, first, n, status, parameters)
    if status:
        return done
    (n_y, n_x, n_l, has_variance, n_used), x = done
    data, weight = (a.reshape(n_x, n_l) for a in (x[:n_x * n_l], x[n_x * n_l:2 * n_x * n_l]))
    assert n_y == 1 and n_used == (weight > 0).sum()
    return data, weight, has_variance


def edit(bench, change, name="edited.fits"):
    with fits.open(bench.path("seen-rss.fits")) as hdus:
        change(hdus)
        hdus.writeto(bench.path(name), overwrite=True)
    return name


def test_our_spectra_come_back_to_the_last_bit(seen):
    rss = read_cube(seen.path("seen-rss.fits"))
    data, weight, has_variance = read(seen, "seen-rss.fits")
    assert has_variance and data.shape == (N_F, N_L)
    assert np.array_equal(data, rss["FLUX"]) and np.array_equal(weight, rss["IVAR"]) and weight.min() > 0
    part = read(seen, "seen-rss.fits", 13, 40)
    assert np.array_equal(part[0], data[:, 13:53]) and np.array_equal(part[1], weight[:, 13:53])


def test_what_counts(seen):
    """IVAR above 0, MASK 0, and a number; of a file as MaNGA's are."""
    def as_manga(hdus):
        scale = 1e3                                          # 1e-20 to 1e-17
        hdus["FLUX"].data, hdus["IVAR"].data = hdus["FLUX"].data / scale, hdus["IVAR"].data * scale**2
        hdus["FLUX"].header["BUNIT"] = "1E-17 erg/s/cm^2/Ang/fiber"
        del hdus["IVAR"].header["BUNIT"]
        for name in ("XPOS", "YPOS"):                        # as light of other wavelengths falls elsewhere
            hdus[name].data = hdus[name].data[:, None] + 0.05 * np.linspace(-1, 1, N_L)[None, :]
        hdus["IVAR"].data[2, 5], hdus["IVAR"].data[2, 6] = 0, -1
        hdus["FLUX"].data[3, 7] = np.nan
        hdus["MASK"].data[4, 8] = 1024
    want, ivar, _ = read(seen, "seen-rss.fits")
    data, weight, _ = read(seen, edit(seen, as_manga))
    bad = np.zeros((N_F, N_L), bool)
    bad[[2, 2, 3, 4], [5, 6, 7, 8]] = True
    assert np.array_equal(weight == 0, bad) and not data[bad].any()
    assert within(data[~bad], want[~bad], rtol=1e-6) and within(weight[~bad], ivar[~bad], rtol=1e-6)


def move(name, by):
    def change(hdus):
        hdus[name].data = hdus[name].data + by
    return change


def no_variance(hdus):
    hdus["IVAR"].data[:] = 0


def fewer(hdus):
    for name in ("FLUX", "IVAR", "MASK"):
        hdus[name].data = hdus[name].data[:-1]


def unit(hdus):
    hdus["FLUX"].header["BUNIT"] = "mJy"


def refracted(hdus):
    hdus["YPOS"].data = hdus["YPOS"].data[:, None] + np.linspace(0.2, -0.2, N_L)[None, :]


@pytest.mark.parametrize("change, words", [(move("XPOS", 0.2), ("spectrum 0", "XPOS, YPOS", "FibreFile")),
                                           (refracted, ("in channel 80 spectrum 0", "XPOS, YPOS", "Airmass")),
                                           (move("WAVE", 0.1), ("channel 1 lies at 5000.100", "LambdaMin")),
                                           (no_variance, ("no IVAR above 0", "cosine")),
                                           (fewer, ("FLUX has 20 spectra", "7 fibres in 3 dithers", "FibreFile")),
                                           (lambda hdus: hdus.pop("YPOS"), ("YPOS", "21 numbers", "whole file")),
                                           (unit, ("BUNIT = 'mJy'",))])
def test_what_does_not_fit(seen, change, words):
    message = read(seen, edit(seen, change), status=3)
    assert "edited.fits" in message and all(word in message for word in words), message


def test_spectra_need_fibres(seen):
    message = read(seen, "seen-rss.fits", status=3, Sampling="spaxels")
    assert "spectra of fibres" in message and "Sampling fibres" in message
    message = read(seen, "seen-rss.fits", status=3, LambdaMax=5078)
    assert "FLUX has 80 channels" in message and "LambdaMax" in message
    no = edit(seen, no_variance)                             # shapes need no variance
    assert read(seen, no, Likelihood="cosine")[1].min() == 1


def objective(bench, **parameters):
    derive(bench, "gradient", **{"ObservedFile": bench.path("seen-rss.fits"), "Engine": "direct", **parameters})
    lines = bench.path("out-gradient.txt").read_text().splitlines()
    return float(next(line for line in lines if line.startswith("# objective")).split()[2])


def test_gradient_is_that_of_the_spectra(seen):
    """chi2 of the model's own spectra, and its differences."""
    changed = dict(Parameters="PointingX,PsfFwhm,FluxScale", PointingX=0.05, PsfFwhm=1.0)
    value = objective(seen, **changed)
    rss, model = (read_cube(seen.path(name)) for name in ("seen-rss.fits", "out-rss.fits"))
    want = (rss["IVAR"] * (rss["FLUX"] - model["FLUX"].astype(float))**2).sum()
    assert within(value, want, rtol=1e-5)
    bar = {name: numbers[1] for name, numbers in rows(seen.path("out-gradient.txt")).items()}
    scale = (2 * rss["IVAR"] * (model["FLUX"] - rss["FLUX"]) * model["FLUX"]).sum()
    assert within(bar["FluxScale"], scale, rtol=1e-4)
    for name in ("PointingX", "PsfFwhm"):
        step = 2e-3
        up, down = (objective(seen, **{**changed, name: changed[name] + sign * step}) for sign in (1, -1))
        assert within((up - down) / (2 * step), bar[name], rtol=2e-3), name


@pytest.mark.parametrize("how", [dict(Engine="direct"), dict(Engine="histogram", Combine="histogram"),
                                 dict(Engine="histogram", Combine="cube")], ids=["direct", "slabs", "cube"])
def test_any_ranks(seen, how):
    names = dict(Parameters="Mass,PointingX,PsfFwhm,DustScreen,Redshift", Dust="screen", DustScreen=0.2)
    first = None
    for ranks in (1, 2, 3):
        value = objective(seen, ranks=ranks, **names, **how)
        got = rows(seen.path("out-gradient.txt"))
        first = first or (value, got)
        assert within(value, first[0], rtol=1e-6)
        for name, (_, bar) in got.items():
            assert within(bar, first[1][name][1], rtol=1e-4), (name, ranks)


def test_refraction(bench):
    """Places of every channel: those of the same airmass fit, others do not; a fit of the spectra finds the truth."""
    air = dict(Airmass=1.8, ParallacticAngle=35)
    setup(bench, lam=(4800.0, 6300.0, 30.0))
    bench.cube(**VIEW, **SNR, **air, OutputFile=bench.path("seen.fits"))
    assert read_cube(bench.path("seen-rss.fits"))["XPOS"].shape == (N_F, 51)
    assert read(bench, "seen-rss.fits", **air)[0].shape == (N_F, 51)
    message = read(bench, "seen-rss.fits", status=3)
    assert "XPOS, YPOS" in message and "Airmass" in message
    for file, noise in (("seen-rss.fits", "independent"), ("seen.fits", "fibres")):
        derive(bench, "fit", 2, ObservedFile=bench.path(file), SpaxelNoise=noise, Parameters="PointingX,PsfFwhm",
               PointingX=0.1, PsfFwhm=1.0, **air)
        for name, true in (("PointingX", 0.0), ("PsfFwhm", 0.9)):
            value, error = rows(bench.path("out-fit.txt"))[name]
            assert 0 < error < 0.02 and abs(value - true) < 4 * error, (file, name)
        line = next(l for l in bench.path("out-fit.txt").read_text().splitlines() if l.startswith("# per_degree"))
        assert abs(float(line.split()[2]) - 1) < 4 * math.sqrt(2 / (N_F * 51)), file


@pytest.mark.parametrize("ranks", [1, 3])
def test_fit_of_spectra(seen, ranks):
    """Samples are independent: chi2 is what the noise makes it, and errors mean what they say."""
    done = derive(seen, "fit", ranks, ObservedFile=seen.path("seen-rss.fits"), Parameters="PointingX,PointingY,PsfFwhm",
                  PointingX=0.2, PointingY=-0.1, PsfFwhm=1.1)
    assert "spectra of fibres: the model's are compared" in done.out + done.err
    for name, true in (("PointingX", 0.0), ("PointingY", 0.0), ("PsfFwhm", 0.9)):
        value, error = rows(seen.path("out-fit.txt"))[name]
        assert 0 < error < 0.02 and abs(value - true) < 4 * error, name
    lines = seen.path("out-fit.txt").read_text().splitlines()
    said = {line.split()[1]: line.split()[2] for line in lines if line.startswith("# ") and len(line.split()) == 3}
    assert int(said["voxels"]) == N_F * N_L
    assert abs(float(said["per_degree"]) - 1) < 4 * math.sqrt(2 / (N_F * N_L))
