"""FITS files with one spectrum each, on a linear or logarithmic axis of wavelengths."""
import numpy as np
from astropy.io import fits

from .fault import INPUT, Fault, reading


def read(path, extension=None):
    """Header, spectrum, and the image `extension` (None: not wanted)."""
    with reading(path, "cannot be read as FITS"), fits.open(path, memmap=False) as hdus:
        header, data = hdus[0].header, hdus[0].data
        if data is not None:
            data = np.asarray(np.squeeze(data), float)
        other = None
        if extension is not None:
            if extension not in hdus:
                raise Fault(INPUT, "%s has no extension %s" % (path, extension))
            other = np.asarray(hdus[extension].data, float)
    if data is None or data.ndim != 1:
        raise Fault(INPUT, "%s holds no one-dimensional spectrum" % path)
    if other is not None and other.shape != data.shape:
        raise Fault(INPUT, "%s: the extension %s has another size than the spectrum" % (path, extension))
    return header, data, other


def axis(header, n, path):
    """[n] AA.  Logarithmic (base 10) if CTYPE1 says so; a start below 100 is no wavelength in Angstrom."""
    try:
        start = float(header["CRVAL1"])
        step = float(header["CDELT1"] if "CDELT1" in header else header["CD1_1"])
        pixel = float(header.get("CRPIX1", 1))
    except (KeyError, TypeError, ValueError):
        raise Fault(INPUT, "%s has no axis of wavelengths (CRVAL1, CDELT1)" % path)
    wave = start + step * (np.arange(n) + 1.0 - pixel)
    if "LOG" in str(header.get("CTYPE1", "")).upper():
        if not (0.0 < wave[0] and wave[-1] < 10.0):
            raise Fault(INPUT, "%s: CTYPE1 says that wavelengths are logarithmic, but they run from %g to %g"
                        % (path, wave[0], wave[-1]))
        return 10.0 ** wave
    if wave[0] < 10.0 or step <= 0:
        raise Fault(INPUT, "%s: CRVAL1 = %g, CDELT1 = %g are no linear axis in AA, and CTYPE1 does not say WAVE-LOG"
                    % (path, start, step))
    return wave


def same_axis(first, wave, path):
    if wave.shape != first.shape or np.abs(wave / first - 1.0).max() > 1e-8:
        raise Fault(INPUT, "%s: its wavelengths differ from those of the other files" % path)
