"""GPSF, RPSF, IPSF and ZPSF of MaNGA's layout: the image of a star in the field's centre, and its width."""
import math

import numpy as np
from astropy.io import fits

from harness import assert_close, galaxy, read_cube, stars, within

MANGA = dict(Sampling="fibres", Redshift=0.05)


def cube(bench, particles, name="MaNGA-N19", **more):
    bench.instrument()
    bench.inst.lsf_fwhm = 1                                 # MaNGA has an LSF
    bench.ssp(lo=4000.0, hi=9000.0)
    bench.particles(particles)
    return bench.cube(Instrument=name, **{**MANGA, **more})


def test_it_is_the_image_of_a_star(bench):
    """A star painted in the corner of four spaxels: the same image, whose sum is 1."""
    got = cube(bench, stars((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1e9, 3.0, 0.02)), LambdaMin=6160, LambdaMax=6172,
               Centre="0 0 0", SystemicVelocity="none", Deposit="cic")
    with fits.open(bench.out) as hdus:
        assert [hdu.name for hdu in hdus if hdu.name.endswith("PSF")] == ["RPSF"]
        image, lambda_ = hdus["RPSF"].data.astype(float), hdus["RPSF"].header["BBWAVE"]
        assert "GFWHM" not in hdus[0].header and hdus["FLUX"].header["RFWHM"] == hdus[0].header["RFWHM"]
    k = np.abs(got["WAVE"] - 6166).argmin()
    assert within(lambda_, got["WAVE"][k], rtol=1e-12) and within(image.sum(), 1.0, rtol=1e-6)
    assert_close(image, got["FLUX"][k] / got["FLUX"][k].sum(dtype=float), 1e-5, level=image.max())


def test_width_is_that_of_the_survey(bench):
    """About 2.5 arcsec for 1.5 arcsec of seeing (Law et al. 2016: median 2.54), for each band that the cube has."""
    got = cube(bench, galaxy(300, seed=3, radius=2.0), name="MaNGA-N61", LambdaMin=4680, LambdaMax=7490, Noise="none")
    header = got["header"]["PRIMARY"]
    assert {key for key in header if key.endswith("FWHM") and len(key) == 5} == {"GFWHM", "RFWHM", "IFWHM"}
    for band in "GRI":
        assert abs(header[band + "FWHM"] - 2.5) < 0.1
        image = got[band + "PSF"].astype(float)
        y, x = np.mgrid[:image.shape[0], :image.shape[1]] * 0.5
        cx, cy = (image * x).sum(), (image * y).sum()
        # the second moment of a Gaussian of that width within what its wings add
        sigma = math.sqrt((image * ((x - cx)**2 + (y - cy)**2)).sum() / 2)
        assert abs(sigma * math.sqrt(8 * math.log(2)) - header[band + "FWHM"]) < 0.15


def test_only_in_the_layout_of_manga(bench):
    for more in (dict(Layout="plain"), dict(Sampling="spaxels")):
        cube(bench, galaxy(300, seed=3, radius=2.0), LambdaMin=6160, LambdaMax=6172, **more)
        parts = read_cube(bench.out)
        assert not [name for name in parts if name.endswith("PSF")] and "RFWHM" not in parts["header"]["PRIMARY"]
