"""What a simulation's own files say of their universe and of their units: the word against which a package's is held.

HDF5 (stated_hdf5.py), Gadget binary, Tipsy and Nchilada with their .param, RAMSES.  Of other formats nothing is
known here, and the user says it."""
import glob
import os
import re
import struct

from cubix_ssp.fault import INPUT, Fault, reading

from . import stated_hdf5

HUBBLE_KM_S_MPC = 100.0
GRAVITY = 4.30091727e-6      # kpc (km/s)^2 / Msun


class Stated:
    def __init__(self, kind, files):
        self.kind = kind              # "HDF5", "Gadget binary", "Tipsy", "RAMSES", or "" for what is not known here
        self.files = files            # what is read, for the provenance
        self.universe = {}            # a, h, omega_m, omega_l, as far as they are stated
        self.cosmological = None      # None: not said
        self.units = False            # whether the files state their units
        self.name = ""                # of the simulation
        self.sample = {}              # {"stars": {"Position": ...}, "gas": ...}: the first rows by the file's own units
        self.swift = False            # it has groups that only SWIFT writes
        self.wind = False             # stars with a formation scale factor <= 0 are wind
        self.proper_times = None      # RAMSES: whether times of birth are proper; None: not said
        self.assumed = ""             # what is taken and not said, for the user


def read(path):
    """What the files of this name state."""
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise Fault(INPUT, "%s is not a file" % path)      # a FIFO would be waited for
    info = _ramses_info(path)
    if info:
        return _ramses(info)
    if os.path.isdir(path):
        return _with_param(Stated("Nchilada", [path]), path) if os.path.isfile(os.path.join(path, "description.xml")) \
            else Stated("", [path])
    files = _members(path)
    if not files:
        raise Fault(INPUT, "%s: no such file, and no %s.0, %s.hdf5 or %s.0.hdf5" % ((path,) + 3 * (path,)))
    with reading(files[0], "cannot be read"), open(files[0], "rb") as file:
        head = file.read(312)
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        return stated_hdf5.read(Stated("HDF5", files))
    if _record(head) is not None:
        return _gadget(Stated("Gadget binary", files), head)
    if _tipsy_time(head) is not None:
        stated = _with_param(Stated("Tipsy", files[:1]), files[0])
        if stated.cosmological:
            stated.universe["a"] = _tipsy_time(head)
        return stated
    return Stated("", files)


def _members(path):
    """The files of a snapshot, of which any one, or the stem, is named."""
    if not os.path.isfile(path):
        for first in (path + ".hdf5", path + ".h5", path + ".0.hdf5", path + ".0.h5", path + ".0"):
            if os.path.isfile(first):
                path = first
                break
        else:
            return []
    found = re.match(r"(.*\.)\d+(\.hdf5|\.h5|)$", path)
    if not found:
        return [path]
    stem, suffix = found.groups()
    numbered = re.compile(re.escape(stem) + r"(\d+)" + re.escape(suffix) + "$")
    members = [p for p in glob.glob(glob.escape(stem) + "*") if numbered.match(p)]
    return sorted(members, key=lambda p: int(numbered.match(p).group(1))) if stem + "0" + suffix in members else [path]


# ---- Gadget ----------------------------------------------------------------------------------------

def _record(head):
    """Where the header's numbers begin and the byte order, or None."""
    for order in "<>":
        first = struct.unpack(order + "i", head[:4])[0] if len(head) >= 4 else 0
        if first == 256:
            return 4, order, 256
        if first == 8 and head[4:8] == b"HEAD" and len(head) >= 20:
            return 20, order, struct.unpack(order + "i", head[16:20])[0]
    return None


def _gadget(stated, head):
    at, order, size = _record(head)
    if size != 256 or len(head) < at + 256:
        return stated
    numbers = struct.unpack(order + "6i6d2d2i6i2i4d", head[at:at + 160])
    time, redshift, omega_m, omega_l, h = numbers[12], numbers[13], numbers[25], numbers[26], numbers[27]
    stated.cosmological = omega_m > 0
    if stated.cosmological:
        stated.universe = {"a": time if 0 < time <= 1 + 1e-6 else 1 / (1 + redshift),
                           "h": h, "omega_m": omega_m, "omega_l": omega_l}
    return stated


# ---- Tipsy and Nchilada ----------------------------------------------------------------------------

def _tipsy_time(head):
    for order in (">", "<"):
        if len(head) >= 32:
            time, n, n_dim, gas, dark, star, _ = struct.unpack(order + "d6i", head[:32])
            if n_dim == 3 and n > 0 and n == gas + dark + star:
                return time
    return None


def _with_param(stated, path):
    """The .param beside a snapshot or in the folder above, as pynbody looks for it."""
    folder = os.path.dirname(os.path.abspath(path))
    found = sorted(glob.glob(os.path.join(glob.escape(folder), "*.param"))) or \
        sorted(glob.glob(os.path.join(glob.escape(os.path.dirname(folder)), "*.param")))
    if not found:
        return stated
    if len(found) > 1:
        raise Fault(INPUT, "%s states no units, and both %s and %s may be the parameter file of its run: packages take "
                           "the first that they find, so leave the right one there alone" % (path, found[0], found[1]))
    with reading(found[0], "cannot be read"), open(found[0], errors="replace") as file:
        rows = [line.split("#")[0].split("=", 1) for line in file]
    said = {row[0].strip(): row[1].strip() for row in rows if len(row) == 2}
    number = {key: float(value) for key, value in said.items() if re.match(r"[-+.\d]+([eE][-+]?\d+)?$", value)}
    stated.units = "dKpcUnit" in number and "dMsolUnit" in number
    stated.cosmological = number.get("bComove", 0.0) != 0
    if stated.units and stated.cosmological:
        velocity = (GRAVITY * number["dMsolUnit"] / number["dKpcUnit"]) ** 0.5
        if "dHubble0" in number:
            stated.universe["h"] = (number["dHubble0"] * velocity / number["dKpcUnit"] * 1e3) / HUBBLE_KM_S_MPC
        for ours, theirs in (("omega_m", "dOmega0"), ("omega_l", "dLambda")):
            if theirs in number:
                stated.universe[ours] = number[theirs]
    return stated


# ---- RAMSES ----------------------------------------------------------------------------------------

def _ramses_info(path):
    """The info file of an output folder, or of any of its files."""
    folder = path if os.path.isdir(path) else os.path.dirname(os.path.abspath(path))
    found = sorted(glob.glob(os.path.join(glob.escape(folder), "info_[0-9]*.txt")))
    mine = os.path.isdir(path) or re.match(r"(info|part|amr|hydro|header|grav|rt|sink)_", os.path.basename(path))
    return found[0] if found and mine else None


def _ramses(info):
    folder = os.path.dirname(info)
    stated = Stated("RAMSES", [folder])
    with reading(info, "cannot be read"), open(info, errors="replace") as file:
        rows = re.findall(r"^(\w+) *= *([-+.\deE]+) *$", file.read(), re.M)
        number = {key: float(value) for key, value in rows}
    stated.units = all(key in number for key in ("unit_l", "unit_d", "unit_t"))
    # a run that is not cosmological has aexp = 1, H0 = 1
    stated.cosmological = number.get("H0", 1.0) > 1.0 and number.get("omega_m", 0.0) > 0
    if stated.cosmological:
        stated.universe = {"a": number["aexp"], "h": number["H0"] / HUBBLE_KM_S_MPC, "omega_m": number["omega_m"],
                           "omega_l": number["omega_l"]}
    namelist = os.path.join(folder, "namelist.txt")
    if os.path.isfile(namelist):
        with reading(namelist, "cannot be read"), open(namelist, errors="replace") as file:
            said = _logicals(file.read())
        # RAMSES sets the first itself where stars radiate
        stated.proper_times = said.get("use_proper_time", False) or said.get("rt_star", False)
        if said.get("rt") and not stated.proper_times and stated.cosmological:
            stated.assumed = "warning: %s says rt, but neither rt_star nor use_proper_time: times of birth are taken " \
                             "as conformal" % namelist
    return stated


def _logicals(text):
    """The logical values of a namelist; of several of one name the last."""
    found = re.findall(r"(?<![^\s,/&])(\w+)\s*=\s*\.?([tf])", re.sub(r"!.*", "", text).lower())
    return {key: value == "t" for key, value in found}


def size_of(path):
    return sum(os.path.getsize(os.path.join(path, name)) for name in os.listdir(path)) if os.path.isdir(path) \
        else os.path.getsize(path)

