"""`/bulk`: the files of bulk operations. Whoever knows the address may read; no token is asked for."""

from __future__ import annotations

import re

from flask import Response, request

from connectors.shopify.fake.shop import Shop
from customer_sync.kit.fakes.app import STREAMED


def download(shop: Shop, number: int, key: str) -> Response:
    """Return a file, or the part of it that a Range asks for."""
    with shop.lock:
        found = shop.bulk.operations.get(number)
    is_gone = shop.take("gone")
    ignores_range = shop.take("ignore_range") if request.range else None
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
    request.environ[STREAMED] = True
    body, status = shop.bulk.read(found, start, end), 206 if span else 200
    return Response(body, status, headers, content_type="application/jsonl", direct_passthrough=True)


def _span(text: str | None, size: int) -> tuple[int, int] | None:
    """Return the bytes a Range asks for, from and before; (0, 0) when there are none such, None without a Range."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", text or "")
    if not found or not any(found.groups()):
        return None
    if not found[1]:
        return (max(0, size - int(found[2])), size)
    start, end = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
    return (start, end) if start < end else (0, 0)
