"""The only place that hands a file to a browser or a machine: with the notice, and a plain name."""

import re

from fastapi import Response

from backend.care.disclosures.notice import HEADER, NOTICE

_PLAIN = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}")


def file(name: str, media_type: str, body: bytes) -> Response:
    """Names are made by us, of letters that no header can misread."""
    assert _PLAIN.fullmatch(name), "a file name that was not made by us"  # noqa: S101 (a bug)
    return Response(
        body,
        media_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
            HEADER: NOTICE,
        },
    )
