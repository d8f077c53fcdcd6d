"""GET /page/trust and /page/authority.crt: how phones and computers come to trust a house that speaks HTTPS.

Open to everybody: whoever is to log in must first get here without a warning.  What is handed out is public; its
fingerprint is shown, to be compared with the one on the server's own screen.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from huozhong.errors import RequestError
from huozhong.server.authority import Authority
from huozhong.server.http import json_response
from huozhong.server.routes.page import serve_file

router = APIRouter(include_in_schema=False)


@router.api_route("/page/trust", methods=["GET", "HEAD"])
async def trust(request: Request) -> Response:
    return serve_file(request, "trust.html")


@router.get("/page/authority.crt")
async def certificate(request: Request) -> Response:
    """The authority's certificate (DER), under the type at which phones ask whether to install it."""
    headers = {"content-disposition": 'attachment; filename="huozhong.crt"', "cache-control": "no-cache"}
    return Response(_authority(request).der(), headers=headers, media_type="application/x-x509-ca-cert")


@router.get("/page/authority.json")
async def fingerprint(request: Request) -> Response:
    return json_response({"fingerprint": _authority(request).fingerprint()})


def _authority(request: Request) -> Authority:
    authority: Authority | None = request.app.state.authority
    if authority is None:
        raise RequestError("This house speaks plain HTTP; start it with --https.", code="not_found")
    return authority
