"""Section 3: centre, systemic velocity, principal axes and the rotation onto the sky."""
import numpy as np


def shrinking_sphere(pos, mass):
    inside = np.ones(len(pos), bool)
    centre = np.average(pos, axis=0, weights=mass)
    start = radius = np.sqrt(((pos - centre)**2).sum(axis=1)).max()
    stop = max(20.0, len(pos) / 1000.0)
    while True:
        radius *= 0.9
        inside = np.sqrt(((pos - centre)**2).sum(axis=1)) <= radius
        if inside.sum() < stop or not radius > 1e-9 * start:
            return centre
        centre = np.average(pos[inside], axis=0, weights=mass[inside])


def systemic_velocity(pos, vel, centre, radius):
    inside = np.sqrt(((pos - centre)**2).sum(axis=1)) <= radius
    return np.median(vel[inside] if inside.any() else vel, axis=0)


def half_mass_radius(r, mass):
    order = np.argsort(r, kind="stable")
    total = np.cumsum(mass[order])
    return r[order][np.searchsorted(total, 0.5 * total[-1])]


EDGE = 1 + 1e-12                                            # a star at the radius itself is inside
FEW, ROUNDS = 20, 500


def _reduced_tensor(x, mass, shape, radius):
    """sum m x_i x_j / r_e^2 and number of stars with mass over 0 < r_e <= R, r_e^2 = x.W.x with W the shape."""
    re2 = np.einsum("ki,ij,kj->k", x, shape, x)
    use = (re2 > 0) & (re2 <= radius**2 * EDGE)
    return np.einsum("k,ki,kj->ij", mass[use] / re2[use], x[use], x[use]), (use & (mass > 0)).sum()


def _falling(tensor):
    value, vector = np.linalg.eigh(tensor)
    return value[::-1], vector[:, ::-1]


def inertia_axes(pos, mass, radius):
    """Rows e1, e2, e3 without their signs, p and q: the ellipsoid of the sphere's volume, r_e^2 =
    x.W.x with W = M^-1 det(M)^(1/3) of the round before."""
    shape, first = np.eye(3), None
    for _ in range(ROUNDS):
        tensor, count = _reduced_tensor(pos, mass, shape, radius)
        value, vector = _falling(tensor)
        if count < FEW or not value[2] > 1e-12 * value[0]:
            return first or (vector.T, 1.0, 1.0)
        found = vector.T, np.sqrt(value[1] / value[0]), np.sqrt(value[2] / value[0])
        first = first or found
        new = np.linalg.inv(tensor) * np.linalg.det(tensor)**(1 / 3)
        moved = np.abs(new - shape).max() / np.abs(new).max()
        shape = new
        if moved <= 1e-10:
            break
    return found


def body_axes(pos, vel, mass, align_with="inertia", radius=0.0):
    """Rows e1, e2, e3 (proper), the radius used, p and q.  pos and vel relative to centre and
    systemic velocity; mass: the present one."""
    r = np.sqrt((pos**2).sum(axis=1))
    radius = radius if radius > 0 else half_mass_radius(r, mass)
    near = r <= radius
    spin = (mass[near, None] * np.cross(pos[near], vel[near])).sum(axis=0)
    p = q = 1.0
    if align_with == "inertia":
        axes, p, q = inertia_axes(pos, mass, radius)
        e1, e3 = axes[0], axes[2]
        if spin @ e3 < 0:
            e3 = -e3
    else:
        e3 = spin / np.sqrt(spin @ spin)
        flat = np.eye(3) - np.outer(e3, e3)
        tensor = flat @ _reduced_tensor(pos, mass, np.eye(3), radius)[0] @ flat
        e1 = _falling(tensor)[1][:, 0]
    if (mass[near] * (pos[near] @ e1)**3).sum() < 0:
        e1 = -e1
    return np.array([e1, np.cross(e3, e1), e3]), radius, p, q


def rotation_angles(alpha, beta, gamma):
    a, b, g = np.radians([alpha, beta, gamma])
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    rz = np.array([[np.cos(g), -np.sin(g), 0], [np.sin(g), np.cos(g), 0], [0, 0, 1]])
    return rz @ ry @ rx


def rotation_inclined(axes, inclination, position_angle):
    """Rows: sky axes.  axes: rows e1, e2, e3."""
    i, pa = np.radians([inclination, position_angle])
    s1 = np.array([np.sin(pa), np.cos(pa), 0.0])
    s3 = np.array([np.sin(i) * np.cos(pa), -np.sin(i) * np.sin(pa), -np.cos(i)])
    return np.array([s1, np.cross(s3, s1), s3]).T @ axes
