"""Reading through yt, whose numbers carry their units: each is converted, and what cannot be is a fault."""
import os
import warnings

import numpy as np

from cubix_ssp.fault import COMMAND, INPUT, Fault, first_line

from .galaxy import GAS as GAS_TABLE
from .galaxy import Galaxy
from .judge import compare_sample
from .package import CannotRead, package, version

STAR_TYPES = ("PartType4", "Stars", "star", "stars", "STAR")
GAS_TYPES = ("PartType0", "Gas")
BIRTH_MASS = ("GFM_InitialMass", "InitialMass", "InitialMasses", "BirthMasses", "particle_mass_initial", "initial_mass",
              "particle_initial_mass", "INITIAL_MASS")
SCALE_FACTOR = ("GFM_StellarFormationTime", "StellarFormationTime", "BirthScaleFactors")
AGE = ("age", "star_age")
BIRTH_RAW = ("particle_birth_time",)      # of RAMSES, on one of its clocks
BIRTH_TIME = ("creation_time", "FormationTime", "particle_creation_time")
METALS = ("GFM_Metallicity", "metallicity", "particle_metallicity", "Metallicity_00", "Metallicity",
          "SmoothedMetallicity", "MetalMassFractions", "Metals", "metallicity_fraction")
ID = ("particle_index", "ParticleIDs", "particle_identity", "particle_identifier", "iord")
TIPSY_TIMES = 6e-4           # relative; its unit of mass is 1.2e-3 off
GAS = (("Mass", ("mass", "cell_mass"), "Msun"), ("Density", ("density",), "Msun/kpc**3"),
       ("Temperature", ("temperature",), "K"), ("Metallicity", ("metallicity",), "dimensionless"))


def read(path, stated, options):
    yt = package("yt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            # its log and progress bars are not ours
            yt.set_log_level(50)
            yt.config.ytcfg["yt", "suppress_stream_logging"] = True
        except (AttributeError, KeyError, TypeError):
            pass
        return _read(yt, path, stated, options)


def _read(yt, path, stated, options):
    me = version(yt)
    name, how = stated.files[0], {}
    if stated.kind == "RAMSES":
        name = next(os.path.join(name, p) for p in sorted(os.listdir(name)) if p.startswith("info_"))
        if options.proper_times is not None:
            how["use_conformal_time"] = not options.proper_times
    if options.units:
        how["unit_base"] = _unit_base(stated, options.units)
    try:
        data = yt.load(name, **how)
        kind = type(data).__name__
        galaxy = Galaxy("%s (%s)" % (me, kind))
        _universe(galaxy, data)
        everything = data.all_data()
        known = {tuple(field) for field in data.field_list} | {tuple(field) for field in data.derived_field_list}
        _stars(galaxy, data, everything, known, stated, options, path)
        if options.gas:
            _gas(galaxy, everything, known)
            if galaxy.gas and not options.units:
                compare_sample(path, galaxy, galaxy.gas, stated.sample.get("gas", {}))
        if kind == "TipsyDataset":
            galaxy.notes.append("yt's masses and times of Tipsy files are 1e-3 off, its ages by %.2g Gyr; "
                                "pynbody's are not" % (TIPSY_TIMES * float(data.current_time.to("Gyr"))))
    except (Fault, MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise CannotRead(INPUT, "%s: %s cannot read it: %s: %s" % (path, me, type(error).__name__, first_line(error)))
    return galaxy


def _unit_base(stated, units):
    """Lengths are comoving and speeds in sqrt(a) if it is cosmological."""
    out = {}
    for key, (number, unit, over_h) in units.items():
        comoving = "cm" if stated.cosmological and key == "length" else ""
        out[key] = (number, unit + comoving + ("/h" if over_h else ""))
    if stated.cosmological:
        out["velocity"] = (out["velocity"][0], out["velocity"][1] + " * sqrt(a)")
    return out


def _universe(galaxy, data):
    if not data.cosmological_simulation:
        return
    galaxy.universe = {"a": 1 / (1 + float(data.current_redshift)), "h": float(data.hubble_constant),
                       "omega_m": float(data.omega_matter), "omega_l": float(data.omega_lambda)}
    if all(data.periodicity):
        sides = np.asarray(data.domain_width.to("kpc"), float)
        galaxy.box = float(sides[0]) if sides.min() > 0 and np.ptp(sides) < 1e-6 * sides.max() else 0.0


def _field(everything, known, kind, names, unit=None, path=""):
    """The first of these fields that there is, in this unit, and its name."""
    for name in names:
        if (kind, name) not in known:
            continue
        values = everything[(kind, name)]
        if unit is None:
            return np.array(values), name
        try:
            return np.array(values.to(unit)), name
        except Exception as error:
            raise Fault(INPUT, "%s: yt gives %s of %s in \"%s\", which is no %s: %s" %
                        (path, name, kind, getattr(values, "units", ""), unit, first_line(error)))
    return None, ""


def _need(everything, known, kind, name, unit, path):
    values, _ = _field(everything, known, kind, (name,), unit, path)
    if values is None:
        raise Fault(INPUT, "%s: yt finds no %s of %s" % (path, name, kind))
    return values


def _stars(galaxy, data, everything, known, stated, options, path):
    kinds = sorted({field[0] for field in known if field[1] == "particle_mass"} - {"all", "nbody", "io"})
    wanted = options.star_type or [name for name in STAR_TYPES if name in kinds][:1]
    for name in wanted:
        if name not in kinds:
            raise Fault(COMMAND, "%s: no particle type %s; it has %s" % (path, name, ", ".join(kinds) or "none"))
    if not wanted:
        raise Fault(INPUT, "%s: no particle type that is called stars; it has %s; --star-type names those that are" %
                    (path, ", ".join(kinds) or "none"))
    columns, galaxy.names = [], wanted
    for name in wanted:
        columns.append(_star_columns(galaxy, data, everything, known, name, stated, path))
    galaxy.kinds = np.repeat(np.arange(len(wanted)), [len(c["Mass"]) for c in columns])
    for key in columns[0]:
        if all(key in c for c in columns):
            galaxy.stars[key] = np.concatenate([c[key] for c in columns])
    if wanted == ["PartType4"] and not options.units:
        compare_sample(path, galaxy, galaxy.stars, stated.sample.get("stars", {}))


def _star_columns(galaxy, data, everything, known, kind, stated, path):
    out = {"Position": _need(everything, known, kind, "particle_position", "kpc", path),
           "Velocity": _need(everything, known, kind, "particle_velocity", "km/s", path),
           "Mass": _need(everything, known, kind, "particle_mass", "Msun", path)}
    birth, name = _field(everything, known, kind, SCALE_FACTOR)
    if birth is not None and data.cosmological_simulation:
        out["ScaleFactor"], galaxy.from_raw["Age"] = birth.astype(float), "from the scale factor of birth, %s" % name
    else:
        age, name = _field(everything, known, kind, AGE, "Gyr", path)
        if age is None:
            born, name = _field(everything, known, kind, BIRTH_TIME, "Gyr", path)
            age = None if born is None else float(data.current_time.to("Gyr")) - born
        if age is not None:
            out["Age"], galaxy.from_raw["Age"] = age.astype(float), "from yt's %s" % name
    born, _ = _field(everything, known, kind, BIRTH_TIME if stated.kind == "Tipsy" else
                     SCALE_FACTOR + BIRTH_RAW + BIRTH_TIME)
    if born is not None:
        out["Birth"] = born.astype(float)
        if stated.kind == "Tipsy":
            out["BlackHole"] = born < 0
    metals, name = _field(everything, known, kind, METALS, "dimensionless", path)
    if metals is not None:
        if metals.ndim != 1:
            raise Fault(INPUT, "%s: %s has %d columns, and nothing says which is all metals; give --metallicity" %
                        (path, name, metals.shape[1]))
        out["Metallicity"], galaxy.from_raw["Metallicity"] = metals.astype(float), "yt's %s" % name
    formed, name = _field(everything, known, kind, BIRTH_MASS)
    if formed is not None:
        out["InitialMass"] = _formed(galaxy, everything[(kind, name)], data, name, path)
        galaxy.from_raw["InitialMass"] = "stated by the simulation (%s)" % name
    ids, _ = _field(everything, known, kind, ID)
    if ids is not None and ids.ndim == 1:
        out["Id"] = np.rint(ids).astype("i8") if ids.dtype.kind == "f" else ids
    return out


def _formed(galaxy, values, data, name, path):
    if str(getattr(values, "units", "")) in ("", "dimensionless"):
        factor = float(data.mass_unit.to("Msun"))
        galaxy.notes.append("%s states no unit of its own and is in that of the other masses, %.6g Msun" %
                            (name, factor))
        return np.array(values, float) * factor
    try:
        return np.array(values.to("Msun"), float)
    except Exception as error:
        raise Fault(INPUT, "%s: yt gives %s in \"%s\", which is no mass: %s" %
                    (path, name, values.units, first_line(error)))


def _gas(galaxy, everything, known):
    if ("gas", "density") not in known:
        galaxy.notes.append("there is no gas")
        return
    gas = galaxy.gas
    for ours, names, unit in (("Position", ("x", "y", "z"), "kpc"),
                              ("Velocity", ("velocity_x", "velocity_y", "velocity_z"), "km/s")):
        gas[ours] = np.stack([np.array(everything[("gas", name)].to(unit)) for name in names], axis=-1)
    for ours, names, unit in GAS:
        values, _ = _field(everything, known, "gas", names, unit)
        if values is not None:
            gas[ours] = values
    for kind in GAS_TYPES:
        rate, name = _field(everything, known, kind, ("StarFormationRate", "StarFormationRates"))
        if rate is not None and len(rate) == len(gas["Mass"]):
            gas["StarFormationRate"] = rate
            galaxy.notes.append("%s is taken for Msun/yr, which all codes that write it use" % name)
    lacking = [name for name, _, _ in GAS_TABLE if name not in gas and name != "Id"]
    if lacking:
        galaxy.notes.append("the gas has no " + ", ".join(lacking))
