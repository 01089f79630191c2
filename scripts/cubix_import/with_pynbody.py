"""Reading through pynbody.  Its units are looked at array by array; what it says of the universe is not believed."""
import warnings

import numpy as np

from cubix_ssp.fault import COMMAND, INPUT, Fault, first_line

from .galaxy import GAS, Galaxy
from .judge import compare_sample
from .package import CannotRead, package, version

UNIVERSE = (("a", "a"), ("h", "h"), ("omega_m", "omegaM0"), ("omega_l", "omegaL0"))
BIRTH_MASS = ("massform", "GFM_InitialMass", "InitialMass", "InitialMasses", "BirthMasses")
SCALE_FACTOR = ("aform", "BirthScaleFactors")
METALS = ("metals", "smetals")
PROTON_K = 121.14751     # proton mass / Boltzmann's constant [K / (km/s)^2]
PRIMORDIAL_X = 0.76      # hydrogen, where the file does not say
IONISED = 1e4            # K


def read(path, stated, options):
    pynbody = package("pynbody")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")        # about its own set-up; what matters here is checked
        return _read(pynbody, path, stated, options)


def _read(pynbody, path, stated, options):
    me = version(pynbody)
    how = {}
    if stated.kind == "RAMSES":
        path = stated.files[0]
        if options.proper_times is not None:
            how["times_are_proper"] = options.proper_times
    elif len(stated.files) > 1 and path in stated.files:
        path = _stem(path, stated)
    try:
        snap = pynbody.load(path, **how)
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise CannotRead(INPUT, "%s: %s cannot read it: %s: %s" % (path, me, type(error).__name__, first_line(error)))
    kind = type(snap).__name__
    if stated.swift and kind != "SwiftSnap":
        raise Fault(INPUT, "%s: %s takes it for a plain Gadget file (%s), but it has the groups of SWIFT (/Cells or "
                           "/Cosmology), whose units and universe it would get wrong; CUBIX reads SWIFT itself" %
                    (path, me, kind))
    galaxy = Galaxy("%s (%s)" % (me, kind))
    try:
        if options.units:
            _set_units(snap, stated, options.units)
        for ours, theirs in UNIVERSE:
            if ours in options.universe and ours not in stated.universe:
                snap.properties[theirs] = options.universe[ours]      # in place of pynbody's defaults
            if theirs in snap.properties:
                galaxy.universe[ours] = float(np.ravel(snap.properties[theirs])[0])
        snap.physical_units()
        families = {str(family): family for family in snap.families()}
        _stars(galaxy, snap, families, stated, options, path)
        if options.gas:
            _gas(galaxy, snap, families, stated, options, path)
        _box(galaxy, snap, stated)
    except (Fault, MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise CannotRead(INPUT, "%s: %s (%s) cannot read it: %s: %s" %
                         (path, me, kind, type(error).__name__, first_line(error)))
    return galaxy


def _stem(path, stated):
    """pynbody wants the common name of the files."""
    first = stated.files[0]
    return first[:first.rindex(".0")]


def _set_units(snap, stated, units):
    """units: {"length": (number, unit, over_h), ...}; if cosmological, lengths are comoving, speeds in sqrt(a)."""
    comoving = stated.cosmological
    power = {"length": " a", "mass": "", "velocity": " a**1/2"}
    name = {"kpc": "kpc", "Mpc": "Mpc", "pc": "pc", "Msun": "Msol", "km/s": "km s**-1"}
    text = {key: "%r %s%s%s" % (number, name[unit], power[key] if comoving else "", " h**-1" if over_h else "")
            for key, (number, unit, over_h) in units.items()}
    snap.set_units_system(distance=text["length"], mass=text["mass"], velocity=text["velocity"])


def _array(part, names, unit=None, path=""):
    """The first of these arrays that there is, and its name; None where there is none.  Another unit is a fault."""
    for name in names:
        try:
            values = part[name]
        except (MemoryError, KeyboardInterrupt):
            raise
        except Exception:          # pynbody's own ways to say that there is no such array are many
            continue
        have = str(getattr(values, "units", ""))
        if unit is not None and have != unit:
            raise Fault(INPUT, "%s: pynbody gives %s in \"%s\" after physical_units(), must be \"%s\": the file states "
                               "no unit for it that pynbody understands" % (path, name, have, unit))
        return np.array(values), name
    return None, ""


def _need(part, name, unit, path, what):
    values, _ = _array(part, (name,), unit, path)
    if values is None:
        raise Fault(INPUT, "%s: pynbody finds no %s of the %s" % (path, name, what))
    return values


def _stars(galaxy, snap, families, stated, options, path):
    wanted = options.star_type or ["star"]
    for name in wanted:
        if name not in families:
            raise Fault(COMMAND if options.star_type else INPUT,
                        "%s: no particles of family %s; it has %s; --families names those that are stars" %
                        (path, name, ", ".join(sorted(families)) or "none at all"))
    columns, galaxy.names = [], wanted
    for name in wanted:
        columns.append(_star_columns(galaxy, snap, snap[families[name]], stated, path))
    galaxy.kinds = np.repeat(np.arange(len(wanted)), [len(c["Mass"]) for c in columns])
    for key in columns[0]:
        if all(key in c for c in columns):
            galaxy.stars[key] = np.concatenate([c[key] for c in columns])
    if wanted == ["star"] and not options.units:
        compare_sample(path, galaxy, galaxy.stars, stated.sample.get("stars", {}))


def _star_columns(galaxy, snap, part, stated, path):
    out = {"Position": _need(part, "pos", "kpc", path, "stars"),
           "Velocity": _need(part, "vel", "km s**-1", path, "stars"),
           "Mass": _need(part, "mass", "Msol", path, "stars")}
    birth, name = _array(part, SCALE_FACTOR)
    if birth is not None:
        out["ScaleFactor"], galaxy.from_raw["Age"] = birth.astype(float), "from the scale factor of birth, %s" % name
    age = _age(part)
    if age is not None:
        out["Age"] = age
        galaxy.from_raw.setdefault("Age", "pynbody's age")
    born, _ = _array(part, ("tform",) if stated.kind == "Tipsy" else SCALE_FACTOR + ("tform",))
    if born is not None:
        out["Birth"] = born.astype(float)
        if stated.kind == "Tipsy":
            out["BlackHole"] = born < 0
    metals, name = _array(part, METALS)
    if metals is not None and metals.ndim == 2 and type(snap).__name__ == "GizmoHDFSnap":
        metals = metals[:, 0]
    if metals is not None:
        if metals.ndim != 1:
            raise Fault(INPUT, "%s: %s has %d columns, and nothing says which is all metals; give --metallicity" %
                        (path, name, metals.shape[1]))
        out["Metallicity"], galaxy.from_raw["Metallicity"] = metals.astype(float), "pynbody's %s" % name
    formed, name = _array(part, BIRTH_MASS)
    if formed is not None:
        out["InitialMass"] = _formed(galaxy, snap, part, formed, name, path)
        galaxy.from_raw["InitialMass"] = "stated by the simulation (%s)" % name
    ids, _ = _array(part, ("iord",))
    if ids is not None and ids.dtype.kind in "iu":
        out["Id"] = ids
    return out


def _age(part):
    """Ages [Gyr], or None where pynbody knows none.  Its unit after physical_units() is kpc s/km, 0.978 Gyr."""
    try:
        values = part["age"]
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception:
        return None
    return np.array(values.in_units("Gyr"), float)


def _formed(galaxy, snap, part, formed, name, path):
    unit = str(getattr(part[name], "units", ""))
    if unit == "Msol":
        return formed.astype(float)
    if unit not in ("", "NoUnit()", "1"):
        raise Fault(INPUT, "%s: pynbody gives %s in \"%s\", must be \"Msol\"" % (path, name, unit))
    factor = float(snap.infer_original_units("Msol").in_units("Msol", **snap.conversion_context()))
    galaxy.notes.append("%s states no unit of its own and is in that of the other masses, %.6g Msun" % (name, factor))
    return formed.astype(float) * factor


def _gas(galaxy, snap, families, stated, options, path):
    if "gas" not in families:
        galaxy.notes.append("there is no gas")
        return
    part, gas = snap[families["gas"]], galaxy.gas
    gas["Position"] = _need(part, "pos", "kpc", path, "gas")
    gas["Velocity"] = _need(part, "vel", "km s**-1", path, "gas")
    gas["Mass"] = _need(part, "mass", "Msol", path, "gas")
    for ours, names, unit in (("Density", ("rho",), "Msol kpc**-3"), ("Metallicity", METALS, None),
                              ("OxygenFraction", ("OxMassFrac", "O"), None), ("HydrogenFraction", ("H",), None)):
        values, _ = _array(part, names, unit, path)
        if values is not None and values.ndim == 1:
            gas[ours] = values
    ids, _ = _array(part, ("iord",))
    if ids is not None and ids.dtype.kind in "iu":
        gas["Id"] = ids
    _rate(galaxy, part)
    _elements(gas, part)
    if not options.units:
        compare_sample(path, galaxy, gas, stated.sample.get("gas", {}))
    _temperature(galaxy, part, stated)
    lacking = [name for name, _, _ in GAS if name not in gas and name != "Id"]
    if lacking:
        galaxy.notes.append("the gas has no " + ", ".join(lacking))


def _temperature(galaxy, part, stated):
    """Temperatures that are in the file, or RAMSES' of pressure and density.  Those that pynbody derives from the
    internal energy of Gadget's family are wrong by the scale factor: they follow here from what the file states."""
    if "temp" in part.loadable_keys() or stated.kind == "RAMSES":
        values, _ = _array(part, ("temp",), "K")
        if values is not None:
            galaxy.gas["Temperature"] = values
        return
    energy, _ = _array(part, ("u",))
    sample = stated.sample.get("gas", {}).get("InternalEnergy")
    if energy is None or sample is None or not len(sample) or not (energy[:len(sample)] > 0).all():
        return
    ratio = sample / energy[:len(sample)]
    if np.ptp(ratio) > 1e-3 * np.median(ratio):
        return                                   # not the same rows: nothing to go by
    energy, x = energy * np.median(ratio), galaxy.gas.get("HydrogenFraction", PRIMORDIAL_X)
    electrons, _ = _array(part, ("ElectronAbundance",))
    if electrons is not None:
        mu = 4 / (1 + 3 * x + 4 * x * electrons)
    else:
        hot = 2 / 3 * energy * PROTON_K * 4 / (3 + 5 * x) >= IONISED
        mu = np.where(hot, 4 / (3 + 5 * x), 4 / (1 + 3 * x))
        galaxy.notes.append("temperatures of the gas take it for ionised from %g K on, and neutral below" % IONISED)
    galaxy.gas["Temperature"] = 2 / 3 * energy * PROTON_K * mu


def _rate(galaxy, part):
    rate, name = _array(part, ("sfr", "StarFormationRate", "StarFormationRates"))
    if rate is None:
        return
    unit = str(getattr(part[name], "units", ""))
    if unit in ("", "NoUnit()", "1"):
        galaxy.notes.append("%s states no unit and is taken for Msun/yr, which all codes that write it use" % name)
        galaxy.gas["StarFormationRate"] = rate
    else:
        galaxy.gas["StarFormationRate"] = np.array(part[name].in_units("Msol yr**-1"))


def _elements(gas, part):
    """Illustris' and Auriga's list: H, He, C, N, O ..."""
    metals, _ = _array(part, ("GFM_Metals",))
    if metals is not None and metals.ndim == 2 and metals.shape[1] >= 9:
        gas.setdefault("HydrogenFraction", metals[:, 0])
        gas.setdefault("OxygenFraction", metals[:, 4])


def _box(galaxy, snap, stated):
    box = snap.properties.get("boxsize")
    if box is None or not stated.cosmological:
        return
    try:
        box = float(np.ravel(box.in_units("kpc", **snap.conversion_context()))[0])
    except (AttributeError, TypeError, ValueError) as error:
        galaxy.notes.append("the side of the box is not understood (%s): not periodic" % first_line(error))
        return
    galaxy.box = box if np.isfinite(box) and box > 0 else 0.0
