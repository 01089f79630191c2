"""Libraries of stellar populations in the forms that CUBIX and the peers read."""
import h5py
import numpy as np

LSUN = 3.826e33                          # erg/s, of BC03 and E-MILES


def read(path):
    with h5py.File(path) as f:
        return {name: f[name][:].astype(float) for name in ("Age", "Metallicity", "Wavelength", "Luminosity")}


def band(wave, low, high):
    """The points of a library from one below `low` to one above `high`."""
    first = max(int(np.searchsorted(wave, low, side="right")) - 1, 0)
    last = min(int(np.searchsorted(wave, high, side="left")) + 1, len(wave))
    return slice(first, last)


def write_rubix(path, lib, low, high):
    """A template file for RUBIX: age Gyr, metallicity, wavelength AA, flux Lsun/AA.  Cut to what the channels need: RUBIX's time per star
    grows with the number of wavelengths, and the cut changes no channel.  Returns the number of wavelengths."""
    cut = band(lib["Wavelength"], low, high)
    with h5py.File(path, "w") as f:
        f["age"], f["metallicity"], f["wavelength"] = lib["Age"], lib["Metallicity"], lib["Wavelength"][cut]
        f["flux"] = lib["Luminosity"][:, :, cut] / LSUN
    return cut.stop - cut.start


def drop_metallicity(source, target, index):
    """The library without one of its metallicities (7 x 221 -> 6 x 221)."""
    with h5py.File(source) as f, h5py.File(target, "w") as g:
        g.attrs.update(f.attrs)
        n = f["Metallicity"].shape[0]
        keep = [i for i in range(n) if i != index]
        for name, data in f.items():
            by_metallicity = name != "Wavelength" and data.ndim and data.shape[0] == n and name in ("Metallicity",
                                                                                                    "Luminosity",
                                                                                                    "SurvivingMass",
                                                                                                    "IonizingPhotons")
            g.create_dataset(name, data=data[:][keep] if by_metallicity else data[:]).attrs.update(data.attrs)
