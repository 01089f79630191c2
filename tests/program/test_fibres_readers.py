"""Cubes rebuilt from fibres, and their spectra, in other people's readers."""
import warnings

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits

from harness import galaxy, within


def name_rss(path):
    return str(path).replace(".fits", "-rss.fits")


@pytest.mark.parametrize("instrument", ["MaNGA-N19", "MaNGA-N19-LOG"])
def test_specutils_finds_cube_and_spectra_of_manga(bench, instrument):
    """Both by itself, as MaNGA's: fluxes per spaxel and per fibre, inverse variances, masks and wavelengths."""
    specutils = pytest.importorskip("specutils")
    bench.instrument()
    bench.inst.lsf_fwhm = 1                                 # MaNGA has an LSF
    bench.ssp(lo=4000.0, hi=6500.0)
    bench.particles(galaxy(300, seed=3, radius=2.0))
    bench.cube(Instrument=instrument, Sampling="fibres", Noise="exposure", ExposureTime=8100, LambdaMin=5000,
               LambdaMax=5060, Redshift=0.05)
    for path, per, axes in ((bench.out, "spaxel", 3), (name_rss(bench.out), "fiber", 2)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            got = specutils.Spectrum.read(path)             # found out, not told
        with fits.open(path) as hdus:
            assert got.flux.ndim == axes and per in str(got.flux.unit) and str(got.flux.unit).startswith("1e-17 erg")
            for mine, name in ((got.flux.value, "FLUX"), (got.uncertainty.array, "IVAR")):
                assert np.array_equal(mine, hdus[name].data) and hdus[name].data.any()
            assert np.array_equal(got.mask, hdus["MASK"].data != 0)
            assert within(got.spectral_axis.to_value(u.AA), hdus["WAVE"].data, rtol=1e-9)
