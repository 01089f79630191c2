"""A stand-in for the reader that the pipelines GIST and nGIST have for MUSE wide-field cubes: what
it takes from a file, and how.

It goes by position, not by name: the second HDU is the flux, the third the variance; it takes the
wavelength scale from CRVAL3 and CD3_3 (the first pixel is the first wavelength) and the size of a
spaxel from CD2_2.  Without CD keywords it falls back on CDELT3, for the size of a spaxel too.  The
redshift comes from the user."""
import numpy as np
from astropy.io import fits


def read_cube(path, redshift=0.0, origin=(0.0, 0.0), snr_range=(-np.inf, np.inf)):
    with fits.open(path) as hdus:
        header, flux = hdus[1].header, np.asarray(hdus[1].data, float)
        n_lambda, n_y, n_x = flux.shape
        spectra = flux.reshape(n_lambda, n_y * n_x)
        if len(hdus) < 3:
            raise ValueError("no variance: the errors would have to be guessed from the scatter of the spectra")
        variance = np.asarray(hdus[2].data, float)
        if variance.shape != flux.shape:
            raise ValueError(f"the third HDU has the shape {variance.shape}, not the cube's {flux.shape}")
        if "CD2_2" in header and "CD3_3" in header:
            step, pixel = header["CD3_3"], header["CD2_2"] * 3600
        else:
            step, pixel = header["CDELT3"], header["CDELT3"] * 3600
        wave = (header["CRVAL3"] + step * np.arange(n_lambda)) / (1 + redshift)

    errors = np.sqrt(variance).reshape(spectra.shape)
    x, y = np.meshgrid((np.arange(n_x) - origin[0]) * pixel, (np.arange(n_y) - origin[1]) * pixel)
    band = (wave >= snr_range[0]) & (wave <= snr_range[1])
    signal, noise = np.nanmedian(spectra[band], axis=0), np.nanmedian(errors[band], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        snr = signal / noise
    return {"wave": wave, "spec": spectra, "error": errors, "x": x.ravel(), "y": y.ravel(), "pixelsize": pixel,
            "signal": signal, "noise": noise, "snr": snr}
