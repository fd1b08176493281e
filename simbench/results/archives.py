"""Arrays of one record as the bytes of an .npz file."""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

#: What reading data of strangers may raise.
UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    OSError,
    RuntimeError,
    SyntaxError,
    RecursionError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
#: Kinds of numbers and text (`numpy.dtype.kind`) that arrays hold.
KINDS = "biufUS"
#: An .npy file of version 1 begins with this and the length of its header in two bytes.
_BEGINS = b"\x93NUMPY\x01\x00"


def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """An .npz file; the same arrays always give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in sorted(arrays.items()):
            inner = io.BytesIO()
            np.save(inner, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), inner.getvalue())
    return buffer.getvalue()


def unpacked(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of an .npz file. Raises one of `UNREADABLE` where it is not `readable`."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name.removesuffix(".npy"): _array(archive.read(name)) for name in archive.namelist()}


def readable(data: bytes) -> bool:
    """Whether these are the bytes of an .npz file of numbers and text. Makes no arrays of a file that is as
    `packed` writes it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if all(_whole(data, entry) for entry in entries):
                return bool(entries)
        return all(array.dtype.kind in KINDS for array in unpacked(data).values()) and bool(entries)
    except (*UNREADABLE, MemoryError):  # of an array that claims to be huge
        return False


def _whole(data: bytes, entry: zipfile.ZipInfo) -> bool:
    """Whether an entry is stored as it is, and is an array of as many bytes as it says."""
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits or entry.compress_size != entry.file_size:
        return False
    start = entry.header_offset
    head, name, extra = struct.unpack_from("<4s22xHH", data, start)
    named, start = data[start + 30 : start + 30 + name], start + 30 + name + extra
    array = data[start : start + entry.file_size]
    if head != b"PK\x03\x04" or named != entry.orig_filename.encode() or zlib.crc32(array) != entry.CRC:
        return False
    length = 10 + int.from_bytes(array[8:10], "little")
    return array.startswith(_BEGINS) and length + _size(array[:length]) == entry.file_size


@lru_cache(maxsize=256)
def _size(header: bytes) -> int:
    """Bytes of the items behind the beginning of an .npy file; -1 where these are no numbers or text."""
    stream = io.BytesIO(header)
    np.lib.format.read_magic(stream)
    shape, _, kind = np.lib.format.read_array_header_1_0(stream)
    return math.prod(shape) * kind.itemsize if kind.kind in KINDS else -1


def _array(data: bytes) -> np.ndarray:
    """The array of an .npy file."""
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
