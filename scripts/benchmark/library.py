"""Libraries of stellar populations in the forms that CUBIX and the peers read."""
import h5py
import numpy as np

LSUN = 3.826e33                          # erg/s, of BC03 and E-MILES
C_AA = 2.99792458e18                     # AA/s


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


def write_synthesizer(path, lib, low, high):
    """A grid file for Synthesizer: ages in yr, metallicities, wavelengths in AA, L_nu in erg/s/Hz per Msun formed as
    [age][Z][wavelength]; both axes are read as logarithms, so that it shares a star among the same populations as
    CUBIX.  Cut to what the channels need."""
    cut = band(lib["Wavelength"], low, high)
    wave = lib["Wavelength"][cut]
    with h5py.File(path, "w") as f:
        f.attrs["axes"], f.attrs["WeightVariable"] = ["ages", "metallicities"], "initial_masses"
        for name, unit, values in (("ages", "yr", np.where(lib["Age"] > 0, lib["Age"], 1e-4) * 1e9),
                                   ("metallicities", "dimensionless",
                                    np.where(lib["Metallicity"] > 0, lib["Metallicity"], 1e-10))):
            axis = f.create_dataset("axes/" + name, data=values)
            axis.attrs["Units"], axis.attrs["log_on_read"] = unit, True
        f.create_dataset("spectra/wavelength", data=wave).attrs["Units"] = "Angstrom"
        per_hertz = lib["Luminosity"][:, :, cut] * wave**2 / C_AA
        f.create_dataset("spectra/incident", data=np.moveaxis(per_hertz, 1, 0)).attrs["Units"] = "erg/s/Hz"
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
