"""RUBIX's rotations as an inclination and a position angle.

RUBIX turns the galaxy until its longest axis is x and its shortest z, and then multiplies rows of coordinates by M = Rz(gamma) Ry(beta)
Rx(alpha), so that the transpose of M acts.  The line of sight is z, away from the observer, as here.  Its axes have no signs: which side
of the disc is seen, and which half recedes, is left to chance; here it follows from the spin, as if the nearer normal were the spin's."""
import math


def seen(alpha, beta):
    """Inclination and position angle [deg] of a disc in its x-y plane; gamma turns the disc in itself."""
    a, b = math.radians(alpha), math.radians(beta)
    spin = [-math.sin(b), math.cos(b) * math.sin(a), math.cos(b) * math.cos(a)]
    if spin[2] > 0:                                          # towards the observer
        spin = [-x for x in spin]
    inclination = math.degrees(math.acos(max(-1.0, min(1.0, -spin[2]))))
    if math.hypot(spin[0], spin[1]) < 1e-9:
        return 0.0, 90.0                                     # the longest axis is x, which is east
    return inclination, (math.degrees(math.atan2(spin[0], spin[1])) - 90) % 360
