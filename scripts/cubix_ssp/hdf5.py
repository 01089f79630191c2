"""HDF5 files that are read: what they name in other files is looked at before HDF5 opens it, for it
would wait for the writer of a FIFO."""
import contextlib
import os

import h5py

from .fault import INPUT, Fault, first_line, reading


def open_file(path):
    """The open file; a Fault where a link, a source of a virtual dataset or raw data elsewhere is no file."""
    file = h5py.File(path, "r")
    try:
        _look(file, path, {os.path.realpath(path)})
    except BaseException:
        file.close()
        raise
    return file


@contextlib.contextmanager
def input_file(path, trouble):
    """The file, open; what is no file or no HDF5, and whatever goes wrong in reading it ("cannot be read as ..."), is an
    INPUT fault."""
    if not os.path.isfile(path):
        raise Fault(INPUT, "%s is not a file" % path if os.path.exists(path) else "%s: no such file" % path)
    with reading(path, trouble):
        try:
            file = open_file(path)
        except OSError as error:
            raise Fault(INPUT, "%s is not a readable HDF5 file: %s" % (path, first_line(error)))
        with file:
            yield file


def _look(file, path, seen):
    groups, known = [file["/"]], set()
    while groups:
        group = groups.pop()
        for name in group:
            try:
                _look_at(group, name, path, seen, groups, known)
            except (KeyError, OSError, RuntimeError, ValueError):
                # damaged: who reads it will say so, and who does not need not know
                pass


def _look_at(group, name, path, seen, groups, known):
    link, place = group.get(name, getlink=True), "%s/%s" % (group.name.rstrip("/"), name)
    if isinstance(link, h5py.ExternalLink):
        _follow(path, place, link.filename, "HDF5_EXT_PREFIX", seen)
    if not isinstance(link, h5py.HardLink):
        return
    item = group[name]
    address = h5py.h5o.get_info(item.id).addr
    if isinstance(item, h5py.Group) and address not in known:
        groups.append(item)
    elif isinstance(item, h5py.Dataset):
        _look_at_data(item, path, place, seen)
    known.add(address)


def _look_at_data(item, path, place, seen):
    for name, _, _ in item.external or ():
        for where in _places(path, name, "HDF5_EXTFILE_PREFIX"):
            _regular(where, path, place)
    for source in item.virtual_sources() if item.is_virtual else ():
        block, counts = 0, "%b" in source.file_name
        while source.file_name != "." and _follow(path, place, source.file_name.replace("%b", str(block)),
                                                  "HDF5_VDS_PREFIX", seen) and counts:
            block += 1


def _places(beside, name, prefix):
    """Where HDF5 looks, in its order."""
    bare, listed = os.path.basename(name) if os.path.isabs(name) else name, os.environ.get(prefix, "")
    folder = os.path.dirname(os.path.abspath(beside))
    folders = [part for part in listed.split(":") + [listed.replace("${ORIGIN}", folder)] if part]
    return ([name] if os.path.isabs(name) else []) + [os.path.join(f, bare)
                                                      for f in folders + [folder, "",
                                                                          os.path.dirname(os.path.realpath(beside))]]


def _regular(where, path, place):
    if os.path.exists(where) and not os.path.isfile(where) and not os.path.isdir(where):
        raise Fault(INPUT, "%s: %s leads to %s, which is not a file" % (path, place, where))
    return os.path.isfile(where)


def _follow(path, place, name, prefix, seen):
    """Whether HDF5 finds that file; what it names in turn is looked at, too."""
    for where in _places(path, name, prefix):
        if not _regular(where, path, place) or not h5py.is_hdf5(where):
            continue
        if os.path.realpath(where) not in seen:
            seen.add(os.path.realpath(where))
            with h5py.File(where, "r") as other:
                _look(other, where, seen)
        return True
    return False
