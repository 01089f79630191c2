"""The stars, in every form in which a program wants them, from one file of cubix-mock.

The readers here are written from the layout's description (doc/formats.md), not with the help of CUBIX: what CUBIX reads wrongly would show.
"""
import h5py
import numpy as np

HUBBLE_TIME = 977.7922216807891          # Gyr km/s/Mpc
C_KMS = 299792.458


def age_of_universe(a, om, ol, h):
    """[Gyr] at scale factor a, flat Lambda-CDM."""
    return 2.0 * HUBBLE_TIME / (300.0 * h * np.sqrt(ol)) * np.arcsinh(np.sqrt(ol / om) * np.asarray(a, float)**1.5)


def angular_scale(z, om, ol, h, steps=20000):
    """kpc per arcsec, flat Lambda-CDM, and the luminosity distance [Mpc]."""
    x = np.linspace(0.0, z, steps + 1)
    f = 1.0 / np.sqrt(om * (1 + x)**3 + ol)
    comoving = C_KMS / (100.0 * h) * z / steps / 3.0 * (f[0] + f[-1] + 4 * f[1:-1:2].sum() + 2 * f[2:-1:2].sum())
    return 1000.0 * comoving / (1 + z) * np.pi / 648000.0, comoving * (1 + z)


def read_mock(path):
    """Stars of a cubix-mock file: kpc about the centre, km/s, Msun formed, Gyr, mass fraction; and the header."""
    with h5py.File(path) as f:
        head = {key: value for key, value in f["Header"].attrs.items()}
        a, h = float(np.ravel(head["Time"])[0]), float(np.ravel(head["HubbleParam"])[0])
        om, ol = float(np.ravel(head["Omega0"])[0]), float(np.ravel(head["OmegaLambda"])[0])
        box = float(np.ravel(head["BoxSize"])[0])
        s = f["PartType4"]
        form = s["GFM_StellarFormationTime"][:].astype(float)
        keep = form > 0
        centre = np.ravel(head["MockCentre"]).astype(float)
        x = s["Coordinates"][:].astype(float) - centre
        if box > 0:
            x -= box * np.round(x / box)
        stars = {"pos": (x * a / h)[keep], "vel": (s["Velocities"][:].astype(float) * np.sqrt(a))[keep],
                 "mass": (s["GFM_InitialMass"][:].astype(float) * 1e10 / h)[keep],
                 "z": s["GFM_Metallicity"][:].astype(float)[keep],
                 "age": (age_of_universe(a, om, ol, h) - age_of_universe(form[keep], om, ol, h))}
    return stars, {"centre": centre * a / h, "cosmology": (om, ol, h), "redshift": 1 / a - 1}


def subset(stars, keep):
    return {name: value[keep] for name, value in stars.items()}


def systemic(stars, radius=10.0):
    """Component-wise median velocity of the stars within radius [kpc]: the rule of RUBIX and of
    CUBIX's SystemicVelocity auto."""
    return np.median(stars["vel"][(stars["pos"]**2).sum(axis=1) < radius**2], axis=0)


def write_rubix(path, stars, dtype="f4"):
    """rubix_galaxy.h5: RUBIX's own input, with the centre at the origin so that its float32 loses nothing."""
    half = np.sort(np.sqrt((stars["pos"]**2).sum(axis=1)))[len(stars["mass"]) // 2]
    with h5py.File(path, "w") as f:
        f.create_group("meta")
        for name, value, unit in (("redshift", 0.0, ""), ("center", np.zeros(3), "kpc"),
                                  ("halfmassrad_stars", half, "kpc")):
            f.create_dataset("galaxy/" + name, data=value).attrs["unit"] = unit
        for name, key, unit in (("coords", "pos", "kpc"), ("velocity", "vel", "km/s"), ("mass", "mass", "Msun"),
                                ("age", "age", "Gyr"),
                                ("metallicity", "z", "")):
            f.create_dataset("particles/stars/" + name, data=np.asarray(stars[key], dtype)).attrs["unit"] = unit


def write_canonical(path, stars, cosmology):
    """CUBIX's canonical particle file."""
    om, ol, h = cosmology
    with h5py.File(path, "w") as f:
        f.create_group("Header").attrs.update({
            "CubixFile": "particles", "Version": 1, "Redshift": 0.0, "OmegaMatter": om, "OmegaLambda": ol,
                                               "HubbleParam": h, "BoxSize": 0.0,
            "Source": "scripts/benchmark", "Program": "scripts/benchmark"})
        for name, key, unit in (("Position", "pos", "kpc"), ("Velocity", "vel", "km/s"),
                                ("InitialMass", "mass", "Msun"), ("Mass", "mass", "Msun"),
                                ("Age", "age", "Gyr"), ("Metallicity", "z", "mass fraction")):
            data = f.create_dataset("Stars/" + name, data=np.asarray(stars[key], "f8"))
            data.attrs["unit"], data.attrs["description"] = unit, name
        ids = f.create_dataset("Stars/Id", data=np.arange(len(stars["mass"]), dtype="u8"))
        ids.attrs["unit"], ids.attrs["description"] = "1", "Id"
