"""What an HDF5 snapshot states: the universe, the units, and its first stars and gas in physical units."""
import h5py
import numpy as np

from cubix_ssp import hdf5
from cubix_ssp.fault import reading

KPC_CM, MSUN_G = 3.0856775814913673e21, 1.98840987e33
GROUPS = ("Cosmology", "Header", "Parameters")
NAMES = {"omega_m": ("Omega_m", "Omega0", "Omega_Matter", "OmegaMatter"),
         "omega_l": ("Omega_lambda", "OmegaLambda", "Omega_Lambda"), "h": ("h", "HubbleParam")}
LENGTH = ("UnitLength_in_cm", "UnitLength_In_CGS", "Unit length in cgs (U_L)")
MASS = ("UnitMass_in_g", "UnitMass_In_CGS", "Unit mass in cgs (U_M)")
VELOCITY = ("UnitVelocity_in_cm_per_s", "UnitVelocity_In_CGS")
WHERE_UNITS = ("Header", "Parameters", "Units", "InternalCodeUnits")
# attributes of a dataset: power of a, power of h, unit in cgs
OWN = (("a_scaling", "h_scaling", "to_cgs"), ("aexp-scale-exponent", "h-scale-exponent", "CGSConversionFactor"),
       ("a-scale exponent", "h-scale exponent", "Conversion factor to CGS (not including cosmological corrections)"))
N_SAMPLE = 1000
#   dataset          names                           length, mass, velocity   a, h       unit
SAMPLED = (
    ("Position",       ("Coordinates",),              (1, 0, 0),              (1, -1),   KPC_CM),
    ("Velocity",       ("Velocities", "Velocity"),    (0, 0, 1),              (0.5, 0),  1e5),
    ("Mass",           ("Masses", "Mass"),            (0, 1, 0),              (0, -1),   MSUN_G),
    ("Density",        ("Density",),                  (-3, 1, 0),             (-3, 2),   MSUN_G / KPC_CM ** 3),
    ("InternalEnergy", ("InternalEnergy",),           (0, 0, 2),              (0, 0),    1e10),
)


def _first(file, groups, names):
    """The first number of one of these names, or None."""
    for group in groups:
        for name in names:
            if group in file and name in file[group].attrs:
                value = np.ravel(file[group].attrs[name])
                if value.size and value.dtype.kind in "fiu":
                    return float(value[0])
    return None


def read(stated):
    path = stated.files[0]
    with reading(path, "cannot be read as HDF5"), hdf5.open_file(path) as file:
        if "Header" not in file:
            stated.kind = ""           # not of the family of Gadget: the package knows, this program does not
            return stated
        stated.swift = "Cosmology" in file or "Cells" in file
        said = {key: _first(file, GROUPS, names) for key, names in NAMES.items()}
        comoving = _first(file, GROUPS, ("Cosmological run", "ComovingIntegrationOn"))
        if comoving is not None or said["omega_m"] is not None:
            stated.cosmological = comoving != 0 if comoving is not None else said["omega_m"] > 0
        if stated.cosmological is not False:
            said["a"] = _scale_factor(file)
            stated.universe = {key: value for key, value in said.items() if value}
        stated.name = _name(file)
        stars = file.get("PartType4")
        if isinstance(stars, h5py.Group):
            stated.wind = "GFM_StellarFormationTime" in stars
        code = [_first(file, WHERE_UNITS, names) for names in (LENGTH, MASS, VELOCITY)]
        stated.units = bool(code[0] and code[1])
        for ours, theirs in (("stars", stars), ("gas", file.get("PartType0"))):
            if isinstance(theirs, h5py.Group):
                stated.sample[ours] = _sample(theirs, stated, code)
                stated.units |= "Position" in stated.sample[ours]
    return stated


def _scale_factor(file):
    a = _first(file, ("Cosmology", "Header"), ("Scale-factor", "ExpansionFactor"))
    if a is not None:
        return a
    z = _first(file, ("Header",), ("Redshift",))
    if z is not None:
        return 1 / (1 + z) if z > -1 else None
    time = _first(file, ("Header",), ("Time",))
    return time if time is not None and 0 < time <= 1 + 1e-6 else None


def _name(file):
    for name in ("SimulationName", "RunLabel", "RunName"):
        if "Header" in file and name in file["Header"].attrs:
            text = np.ravel(file["Header"].attrs[name])[0]
            return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return ""


def _sample(group, stated, code):
    """The first rows of stars or gas in kpc, km/s and Msun, by what the datasets themselves state, else by the units
    of the code; {} where nothing says."""
    alone, out = stated.cosmological is False, {}
    a, h = (1.0, 1.0) if alone else (stated.universe.get("a"), stated.universe.get("h"))
    for ours, names, powers, (p, q), unit in SAMPLED:
        data = next((group[name] for name in names if isinstance(group.get(name), h5py.Dataset)), None)
        if data is None or data.dtype.kind not in "fiu":
            continue
        own = _own_unit(data)
        if own is None and all(code) and not stated.swift and stated.cosmological is not None:
            own = (0.0, 0.0) if alone else (p, q)
            own += (np.prod([c ** n for c, n in zip(code, powers)]),)
        if own and own[2] and not (own[0] and a is None) and not (own[1] and h is None):
            factor = own[2] * (a ** own[0] if own[0] else 1.0) * (h ** own[1] if own[1] else 1.0)
            out[ours] = np.asarray(data[:N_SAMPLE], float) * factor / unit
    ids = group.get("ParticleIDs")
    if out and isinstance(ids, h5py.Dataset) and ids.dtype.kind in "iu":
        out["Id"] = ids[:N_SAMPLE]
    return out


def _own_unit(data):
    """Powers of a and h and the unit in cgs (0: it has none) that a dataset states, or None."""
    for names in OWN:
        if all(key in data.attrs for key in names):
            return tuple(float(np.ravel(data.attrs[key])[0]) for key in names)
    return None
