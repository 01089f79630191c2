"""What a reader hands on: arrays in the units of the canonical file, and what the package says of the universe."""

#        dataset               unit           description
STARS = (
    ("Position",          "kpc",         "Position, physical"),
    ("Velocity",          "km/s",        "Peculiar velocity"),
    ("InitialMass",       "Msun",        "Mass at birth"),
    ("Mass",              "Msun",        "Mass at the snapshot"),
    ("Age",               "Gyr",         "Age at the snapshot"),
    ("Metallicity",       "1",           "Mass fraction of all metals"),
    ("Id",                "1",           "Number of the particle in the simulation"),
)
GAS = (
    ("Position",          "kpc",         "Position, physical"),
    ("Velocity",          "km/s",        "Peculiar velocity"),
    ("Mass",              "Msun",        "Mass of the cell or particle"),
    ("Density",           "Msun/kpc^3",  "Density, physical"),
    ("Temperature",       "K",           "Temperature"),
    ("Metallicity",       "1",           "Mass fraction of all metals"),
    ("StarFormationRate", "Msun/yr",     "Star formation rate"),
    ("OxygenFraction",    "1",           "Mass fraction of oxygen"),
    ("HydrogenFraction",  "1",           "Mass fraction of hydrogen"),
    ("Id",                "1",           "Number of the particle in the simulation"),
)


class Galaxy:
    def __init__(self, reader):
        self.reader = reader      # "pynbody 2.8.0 (TipsySnap)"
        self.stars = {}           # Position, Velocity, Mass; if known InitialMass, Age (ScaleFactor), Metallicity, Id,
                                  # and Birth, as the file has it
        self.kinds = None         # of each star: the index of its name in `names`
        self.names = []           # families of pynbody, particle types of yt
        self.gas = {}             # {} where there is none or it is not wanted
        self.universe = {}        # what the package says: a, h, omega_m, omega_l; those that it knows
        self.box = 0.0            # side of the periodic box [kpc, physical], 0: none
        self.from_raw = {}        # {dataset: what it was in the file}, for the descriptions
        self.notes = []           # what was assumed, for the user and for the file
