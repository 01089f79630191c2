"""Inputs that are damaged: bytes of any file, words of a text, the structure and the numbers of an
HDF5 or FITS file."""
import h5py
import numpy as np
from astropy.io import fits

WORDS = ["", "0", "-1", "1e308", "-1e308", "nan", "inf", "1e-320", "99999999999999999999", "0x10", "yes", "none",
         "auto", "'", '"', "%n%s", "\\", "a" * 3000, "1 2 3", "1,5",
         "é", ";", "{", "}", "(", "()", '"kpc"', "../../..", "/", "/dev/null", "-", "#", "1e5", "1e-300", "3 2", "[0]",
         "\0", "\t"]
NUMBERS = [np.nan, np.inf, -np.inf, 0.0, -1.0, 1e30, -1e30, 1e300, 1e-300, 2.0**63, 0.5]


def damage_bytes(rng, path):
    """Flip, zero, repeat, insert or cut; mostly near the beginning, where headers are."""
    data = bytearray(path.read_bytes())
    if not data:
        return
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        at = rng.randrange(min(len(data), rng.choice([64, 512, 4096, len(data)]))) if data else 0
        how = rng.randrange(7)
        if how == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            data[at] = rng.choice([0, 1, 127, 128, 255])
        elif how == 2:
            n = rng.choice([2, 4, 8, 64])
            data[at:at + n] = bytes(rng.choice([0, 255]) for _ in range(len(data[at:at + n])))
        elif how == 3:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.choice([1, 8, 100])))
        elif how == 4:
            del data[at:at + rng.choice([1, 8, 512])]
        elif how == 5:
            data[at:at + 8] = rng.choice([0, 1, 2**31 - 1, 2**32, 2**63 - 1, 2**64 - 1]).to_bytes(8, "little")
        elif rng.random() < 0.3:
            del data[rng.randrange(len(data)):]
        if not data:
            data = bytearray(b"\0")
    path.write_bytes(bytes(data))


def damage_text(rng, path):
    """Words are replaced, lines are doubled, dropped, joined."""
    lines = path.read_text(errors="replace").splitlines()
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        if not lines:
            break
        i, how = rng.randrange(len(lines)), rng.randrange(6)
        parts = lines[i].split(" ")
        if how <= 2:
            k = rng.randrange(len(parts))
            parts[k] = rng.choice(WORDS)
            lines[i] = " ".join(parts)
        elif how == 3:
            lines.insert(i, rng.choice(lines))
        elif how == 4:
            del lines[i]
        else:
            at = rng.randrange(len(lines[i]) + 1)
            lines[i] = lines[i][:at] + rng.choice(WORDS) + lines[i][at:]
    path.write_bytes(("\n".join(lines) + "\n").encode("utf-8", "replace"))


def damage_hdf5(rng, path):
    """One thing of the file's structure or numbers."""
    with h5py.File(path, "r+") as file:
        objects = ["/"]
        file.visit(objects.append)
        for _ in range(rng.choice([1, 1, 2, 3])):
            name = rng.choice(objects)
            if name not in file:
                continue
            if rng.random() < 0.4 and len(file[name].attrs):
                _damage_attribute(rng, file[name])
            elif isinstance(file[name], h5py.Dataset):
                _damage_dataset(rng, file, name)
            elif name != "/" and rng.random() < 0.3:
                del file[name]
                if rng.random() < 0.5:
                    file[name] = rng.choice([h5py.SoftLink("/nowhere"), h5py.SoftLink(name),
                                             h5py.ExternalLink("nowhere.hdf5", "/x"),
                                             h5py.ExternalLink(path.name, name)])


def _damage_attribute(rng, item):
    name = rng.choice(sorted(item.attrs))
    old, how = item.attrs[name], rng.randrange(6)
    del item.attrs[name]
    if how == 0:
        return
    if how == 1:
        item.attrs[name] = rng.choice(WORDS).replace("\0", "")
    elif how == 2:
        item.attrs[name] = rng.choice(NUMBERS)
    elif how == 3:
        item.attrs[name] = np.full(rng.choice([0, 2, 7, 5000]), rng.choice(NUMBERS))
    elif how == 4:
        item.attrs[name] = h5py.Empty("f8")
    elif np.asarray(old).dtype.kind in "fiu":
        item.attrs[name] = np.asarray(old) * rng.choice([0, -1, 1e10, 2, 1e-10])
    else:
        item.attrs[name] = np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])


def _damage_dataset(rng, file, name):
    value, attributes, how = file[name][()], dict(file[name].attrs), rng.randrange(10)
    if np.asarray(value).dtype.kind not in "fiu":
        how = rng.choice([0, 4])
    if how <= 2 and value.size and how:
        for _ in range(rng.choice([1, 3, value.size])):
            file[name][np.unravel_index(rng.randrange(value.size), value.shape)] = _fitting(rng.choice(NUMBERS),
                                                                                            value.dtype)
        return
    del file[name]
    if how == 0:
        return
    if how == 3:
        new = value[: rng.randrange(len(value) + 1)] if value.ndim else value
    elif how == 4:
        new = np.full(value.shape, b"text", "S5")
    elif how == 5:
        new = value.astype(rng.choice(["f4", ">f8", "i1", "u8", "f2"]))
    elif how == 6:
        new = value.reshape(-1)
    elif how == 7:
        new = np.zeros(value.shape, [("a", "f8")])
    elif how == 8:
        new = value[..., None]
    else:
        new = np.concatenate([value, value]) if value.ndim else value
    if rng.random() < 0.2 and new.ndim:
        file.create_dataset(name, shape=new.shape, dtype=new.dtype, chunks=tuple(max(1, n // 2) for n in new.shape),
                            compression="gzip").attrs.update(attributes)
    else:
        file.create_dataset(name, data=new).attrs.update(attributes)


def _fitting(x, dtype):
    if dtype.kind == "f":
        return x
    return 0 if not np.isfinite(x) else int(np.clip(x, np.iinfo(dtype).min, np.iinfo(dtype).max))


def damage_fits(rng, path):
    """A card of a header, or numbers of an image."""
    if rng.random() < 0.5:
        data = bytearray(path.read_bytes())
        cards = [i for i in range(0, min(len(data), 400 * 80), 80) if data[i + 8:i + 9] == b"="]
        at = rng.choice(cards)
        word = rng.choice(["-1", "0", "1", "3", "16", "-64", "99", "999999999", "T", "F", "'x'", "1.5E300", "",
                           "2147483648"]).rjust(20)[:20]
        data[at + 10:at + 30] = word.encode()
        path.write_bytes(bytes(data))
        return
    with fits.open(path, mode="update") as hdus:
        images = [h for h in hdus if isinstance(h, (fits.ImageHDU, fits.PrimaryHDU)) and h.data is not None
                  and h.data.size]
        hdu = rng.choice(images)
        if rng.random() < 0.3 and len(hdus) > 1 and hdu is not hdus[0]:
            hdus.remove(hdu)
            return
        for _ in range(rng.choice([1, 3, hdu.data.size])):
            hdu.data[np.unravel_index(rng.randrange(hdu.data.size), hdu.data.shape)] = _fitting(rng.choice(NUMBERS),
                                                                                                hdu.data.dtype)
