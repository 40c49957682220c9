"""`/bulk`: the files of bulk operations. Whoever knows the address may read; no token is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flask import Response, request

from customer_sync.demo.stores.shopify.shop import Shop


def download(shop: Shop, number: int, key: str) -> Response:
    """Return a file, or the part of it that a Range asks for."""
    with shop.lock:
        found = shop.bulk.operations.get(number)
        is_gone = shop.faults.take("gone")
        ignores_range = shop.faults.take("ignore_range") if request.range else None
        cut = shop.faults.take("cut")
    if found is None or found.key != key or not found.ready or is_gone:
        return Response(b"<Error><Code>ExpiredToken</Code></Error>", 403, content_type="application/xml")
    size, tag = found.ready, f'"{found.key}"'
    is_stale = request.headers.get("If-Range", tag) != tag
    span = None if ignores_range or is_stale else _span(request.headers.get("Range"), size)
    if span == (0, 0):
        return Response(status=416, headers={"Content-Range": f"bytes */{size}"})
    start, end = span or (0, size)
    headers = {"Content-Length": str(end - start), "Accept-Ranges": "bytes", "ETag": tag}
    if span:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    body = shop.bulk.read(found, start, end)
    if cut:
        body = _cut(body, int(str(cut.options.get("size", size // 2))))
    return Response(body, 206 if span else 200, headers, content_type="application/jsonl", direct_passthrough=True)


def _span(text: str | None, size: int) -> tuple[int, int] | None:
    """Return the bytes a Range asks for, from and before; (0, 0) when there are none such, None without a Range."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", text or "")
    if not found or not any(found.groups()):
        return None
    if not found[1]:
        return (max(0, size - int(found[2])), size)
    start, end = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
    return (start, end) if start < end else (0, 0)


def _cut(body: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield the first bytes of a body, then break."""
    for piece in body:
        if len(piece) >= size:
            yield piece[:size]
            raise ConnectionResetError
        size -= len(piece)
        yield piece
