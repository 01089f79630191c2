"""examples/colours: magnitudes of spectra of which they are known, and of a cube of CUBIX."""
import re
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

from harness import SOURCE, Bench, galaxy, within

SCRIPT = SOURCE / "examples/colours/colours.py"
LAM = 5000.0 + 2.0 * np.arange(500)
CD = 0.5 / 3600


def run(*words):
    done = subprocess.run([sys.executable, str(SCRIPT), *map(str, words)], text=True, capture_output=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def rows(text):
    return {name.strip(): [float(word) for word in numbers.split()]
            for name, numbers in re.findall(r"^(all|.* arcsec) +(.*)$", text, re.M)}


def write(path, f_nu, unit=-20, n=6):
    """A cube whose spaxels share a source of that flux density [erg/s/cm2/Hz], 10 pc away."""
    flux = np.broadcast_to((f_nu * 2.99792458e18 / LAM**2 / n**2 / 10.0**unit)[:, None, None], (len(LAM), n, n))
    data = fits.ImageHDU(flux, name="DATA")
    data.header.update({"BUNIT": "10**(%d)*erg/s/cm**2/Angstrom" % unit, "CRPIX1": 3.5, "CRPIX2": 3.5, "CD1_1": -CD,
                        "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": CD})
    lsf = fits.BinTableHDU.from_columns([fits.Column("WAVELENGTH", "D", array=LAM),
                                         fits.Column("WIDTH", "D", array=np.full(len(LAM), 2.0))], name="LSF")
    primary = fits.PrimaryHDU()
    primary.header["DISTANCE"] = 1e-5
    fits.HDUList([primary, data, lsf]).writeto(path)


def test_a_flat_spectrum_has_the_same_magnitude_everywhere(tmp_path):
    """3631 Jy by definition have 0 mag; 10^-8 of that 20, in any band."""
    write(tmp_path / "a.fits", 3631e-23 * 1e-8 * np.ones_like(LAM))
    np.savetxt(tmp_path / "bell.txt", np.column_stack([LAM, np.exp(-0.5 * ((LAM - 5600) / 60) ** 2)]))
    code, out, err = run(tmp_path / "a.fits", "5100-5300", tmp_path / "bell.txt", "--map", tmp_path / "m.fits")
    assert code == 0, err
    blue, red, colour, absolute = rows(out)["all"]
    assert within([blue, red, absolute], 20.0, rtol=0, atol=2e-3) and abs(colour) < 2e-3
    with fits.open(tmp_path / "m.fits") as hdus:
        assert within(hdus["COLOUR"].data, 0.0, rtol=0, atol=1e-3)
        assert within(hdus["RED"].data, 20 + 2.5 * np.log10(36 * 0.25), rtol=0, atol=1e-3)      # 36 spaxels of 0.25


def test_a_slope_is_a_colour(tmp_path):
    """F_nu as nu^-2: between the photon-weighted means of narrow boxes 5 lg of the ratio of wavelengths."""
    write(tmp_path / "a.fits", 1e-29 * (LAM / 5000) ** 2)
    _, out, _ = run(tmp_path / "a.fits", "5100-5104", "5900-5904")
    assert abs(rows(out)["all"][2] - 5 * np.log10(5902 / 5102)) < 1e-3
    inner = [numbers for name, numbers in rows(out).items() if name != "all"]
    assert len(inner) >= 3 and all(abs(one[2] - rows(out)["all"][2]) < 2e-3 for one in inner)


def test_what_it_refuses(tmp_path):
    write(tmp_path / "a.fits", np.ones_like(LAM) * 1e-29)
    code, _, err = run(tmp_path / "a.fits", "4000-5100", "5200-5400")
    assert code == 1 and "the cube ends at 5000" in err and "Traceback" not in err


@pytest.mark.parametrize("layout", ["plain", "manga", "sami"])
def test_of_a_cube(tmp_path, layout):
    """The magnitude of the light that the cube's own header has, in a box over the whole band."""
    bench = Bench(tmp_path)
    bench.particles(galaxy(300, seed=5, radius=1.0))
    bench.ssp()
    bench.instrument(12, 10, 1.0)
    bench.cube(Redshift=0.02, Layout=layout)
    code, out, err = run(bench.out, "5000-5399", "5100-5200")
    assert code == 0, err
    with fits.open(bench.out) as hdus:
        head, flux = hdus[0].header, next(hdu.data for hdu in hdus if hdu.header.get("NAXIS") == 3)
        lam = hdus["LSF"].data["WAVELENGTH"]
    spectrum = flux.sum(axis=(1, 2), dtype=float) * 10.0**head["FLUXUNIT"]
    mean = (spectrum * lam).sum() / (2.99792458e18 / lam).sum()
    blue = rows(out)["all"][0]
    assert abs(blue - (-2.5 * np.log10(mean) - 48.6)) < 2e-3
