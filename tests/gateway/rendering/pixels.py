"""Reads PNG files as bytes of grey or RGBA, so that tests look at pixels without an image library (PNG 1.2, all row filters)."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

import segno
import zxingcpp

_CHANNELS = {0: 1, 2: 3, 6: 4}


@dataclass(frozen=True)
class Pixels:
    width: int
    height: int
    channels: int
    rows: tuple[bytes, ...]

    def at(self, x: int, y: int) -> tuple[int, ...]:
        return tuple(self.rows[y][x * self.channels : (x + 1) * self.channels])

    def grey(self) -> memoryview:
        """One byte a pixel, in the shape that zxing-cpp takes."""
        line = b"".join(row if self.channels == 1 else row[1 :: self.channels] for row in self.rows)
        return memoryview(line).cast("B", (self.height, self.width))


def decoded(code: segno.QRCode) -> str:
    """What an independent reader finds in a QR code."""
    out = io.BytesIO()
    code.save(out, kind="png", scale=4, border=4)
    (found,) = zxingcpp.read_barcodes(read_png(out.getvalue()).grey())
    return str(found.text)


def read_png(data: bytes) -> Pixels:
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    header, body, at = b"", b"", 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        chunk = data[at + 8 : at + 8 + length]
        assert zlib.crc32(kind + chunk) == struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0]
        header = chunk if kind == b"IHDR" else header
        body += chunk if kind == b"IDAT" else b""
        at += 12 + length
    width, height, depth, colour = struct.unpack(">IIBB", header[:10])
    channels = _CHANNELS[colour]
    raw = zlib.decompress(body)
    stride = (width * channels * depth + 7) // 8
    step = max(1, channels * depth // 8)
    rows, above = [], bytes(stride)
    for y in range(height):
        start = y * (stride + 1)
        above = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + stride]), above, step)
        rows.append(above)
    if depth == 1:
        rows = [bytes(255 * (row[x >> 3] >> (7 - (x & 7)) & 1) for x in range(width)) for row in rows]
    return Pixels(width, height, channels, tuple(rows))


def _unfiltered(kind: int, row: bytearray, above: bytes, step: int) -> bytes:
    for i in range(len(row)):
        left = row[i - step] if i >= step else 0
        corner = above[i - step] if i >= step else 0
        guess = left + above[i] - corner
        nearest = min(
            (abs(guess - left), 0, left), (abs(guess - above[i]), 1, above[i]), (abs(guess - corner), 2, corner)
        )
        row[i] = (row[i] + (0, left, above[i], (left + above[i]) // 2, nearest[2])[kind]) & 255
    return bytes(row)
