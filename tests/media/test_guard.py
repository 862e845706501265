from __future__ import annotations

import json
from collections.abc import Sequence
from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.errors import HubbubError
from hubbub.http.messages import Request
from hubbub.media.guard import Guard, RefusedError
from hubbub.media.networks import as_address, is_public
from tests.http.loopback import Answer, Seen, access, asking, serving
from tests.shared import FAULTS, needs_shared

ROWS = json.loads((FAULTS / "text" / "urls.json").read_text())["rows"] if FAULTS.is_dir() else []
PUBLIC = "93.184.216.34"


class Names:
    """A resolver with its own idea of the world; `flip` is public once and loopback from then on."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        if host == "flip.rebind.test":
            return ["127.0.0.1"] if self.asked.count(host) > 1 else [PUBLIC]
        known = {
            "private.rebind.test": ["10.0.0.5"],
            "mixed.rebind.test": [PUBLIC, "127.0.0.1"],
            "cname.rebind.test": ["::1"],
        }
        try:
            return [str(ip_address(host))]
        except ValueError:
            return known.get(host, [PUBLIC])


@needs_shared
@pytest.mark.parametrize("row", [r for r in ROWS if not r["url"].startswith("sim:")], ids=lambda row: row["id"])
async def test_no_hostile_spelling_reaches_an_inner_address(row: dict[str, str]) -> None:
    guard = Guard(lookup=Names())
    if row["id"] == "dns-rebind":
        # The address that was judged is the one handed to the dialler: a later answer plays no part.
        assert await guard.resolve("flip.rebind.test", 80) == [PUBLIC]
        with pytest.raises(RefusedError):
            await guard.resolve("flip.rebind.test", 80)
        return
    async with asking(
        access("http://api.invalid"), resolve=guard.resolve, check_url=guard.check_url, api=False
    ) as client:
        with pytest.raises(RefusedError):
            await client.fetch(Request(url=row["url"]))


async def test_the_judged_address_is_the_dialled_one() -> None:
    dialled: list[str] = []

    async def lookup(host: str, _port: int) -> Sequence[str]:
        dialled.append(host)
        return ["127.0.0.1"]

    async with serving(lambda _: (200, {}, b"{}")) as server:
        guard = Guard(lookup=lookup, allowed=frozenset({f"pictures.test:{server.port}"}))
        async with asking(access("http://api.invalid"), resolve=guard.resolve, check_url=guard.check_url) as client:
            for _ in range(2):
                await client.fetch(Request(url=f"http://pictures.test:{server.port}/a"))
    assert dialled == ["pictures.test"]
    assert [seen.headers["host"] for seen in server.seen] == [f"pictures.test:{server.port}"] * 2


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:{inner}/", "http://169.254.169.254/", "file:///etc/passwd", "http://[::1]:{inner}/"]
)
async def test_every_hop_of_a_redirect_is_judged_and_nothing_is_sent_inside(target: str) -> None:
    async with serving(lambda _: (200, {}, b"{}")) as inner:

        def answer(seen: Seen) -> Answer:
            left = int(seen.target.rpartition("/")[2])
            return 302, {"location": target.format(inner=inner.port) if left == 0 else f"/{left - 1}"}, b""

        async with serving(answer) as outer:
            guard = Guard(allowed=frozenset({f"127.0.0.1:{outer.port}"}))
            async with asking(access("http://api.invalid"), resolve=guard.resolve, check_url=guard.check_url) as client:
                for hops in (0, 3):
                    with pytest.raises(HubbubError):
                        await client.fetch(Request(url=f"{outer.url}/{hops}", follow=5))
        assert inner.seen == []


async def test_a_ring_of_redirects_ends() -> None:
    async with serving(lambda _: (302, {"location": "/ring"}, b"")) as server:
        guard = Guard(allow_private=True)
        async with asking(access("http://api.invalid"), resolve=guard.resolve, check_url=guard.check_url) as client:
            with pytest.raises(HubbubError, match="redirects more than"):
                await client.fetch(Request(url=f"{server.url}/ring", follow=5))
        assert len(server.seen) == 6


@pytest.mark.parametrize(
    "url",
    [
        "https://i.redd.it/abc.jpg",
        "https://preview.redd.it/a.jpg?width=640&s=0f",
        "http://i.imgur.com:8080/a.png",
        "https://b\u00fccher.example/k\u00e4fer.jpg",
        "http://93.184.216.34/a.gif",
        "https://[2606:2800:220:1::1]/a.gif",
    ],
)
def test_ordinary_addresses_pass(url: str) -> None:
    Guard().check_url(url)


def test_private_addresses_pass_only_when_told() -> None:
    Guard(allow_private=True).check_url("http://127.0.0.1:8123/a.png")
    allowed = Guard(allowed=frozenset({"127.0.0.1:8123"}))
    allowed.check_url("http://127.0.0.1:8123/a.png")
    with pytest.raises(RefusedError):
        allowed.check_url("http://127.0.0.1:8124/a.png")
    with pytest.raises(RefusedError):
        Guard(allow_private=True).check_url("file:///etc/passwd")


@given(st.ip_addresses(v=4))
def test_every_spelling_of_an_address_means_the_address(address: IPv4Address) -> None:
    number = int(address)
    a, b, c, d = address.packed
    for spelling in (
        str(address),
        str(number),
        hex(number),
        f"0{a:o}.{b}.{c}.{d}",
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{number & 0xFFFF}",
        ".".join(hex(part) for part in address.packed),
    ):
        assert as_address(spelling) == address


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("64:ff9b::a00:1", False),
        ("::ffff:8.8.8.8", False),
        ("2001:4860:4860::8888", True),
        ("2001:0:1::1", False),
        ("ff02::1", False),
        ("fec0::1", False),
        ("100.127.255.255", False),
        ("100.128.0.1", True),
    ],
)
def test_what_is_public(text: str, public: bool) -> None:  # noqa: FBT001
    assert is_public(ip_address(text)) is public
