from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from hubbub.errors import TransientRemoteError
from hubbub.http.messages import Request

from .loopback import Answer, Seen, access, asking, serving

OK: Answer = (200, {}, b"{}")


async def test_a_server_without_tls_where_tls_was_asked_for_gets_no_request() -> None:
    def never(_: Seen) -> Answer:
        pytest.fail("a request was sent in the clear")

    async with serving(never) as server, asking(access(f"https://127.0.0.1:{server.port}")) as client:
        with pytest.raises(TransientRemoteError, match=r"127\.0\.0\.1"):
            await client.fetch(Request(url="/a"))
        assert server.seen == []


@pytest.fixture
def own_certificate(tmp_path: Path) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("makes a certificate with openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    where = ["-keyout", str(key), "-out", str(certificate), "-subj", "/CN=127.0.0.1"]
    subprocess.run([*make, *where], check=True, capture_output=True)
    return certificate, key


async def test_a_certificate_nobody_vouches_for_is_refused_before_anything_is_sent(
    own_certificate: tuple[Path, Path],
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*own_certificate)
    got = b""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        got += await reader.read(10)
        writer.close()
        await writer.wait_closed()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    async with listening, asking(access(f"https://127.0.0.1:{port}")) as client:
        with pytest.raises(TransientRemoteError, match="CERTIFICATE_VERIFY_FAILED"):
            await client.fetch(Request(url="/a"))
    assert got == b""
