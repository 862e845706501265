"""Which addresses belong to the public internet, in every spelling. Pure.

The standard library's `is_global` differs between Python versions and lets transition addresses through; this list does
not change under us. Sources: IANA special-purpose address registries (RFC 6890 and its updates)."""

from __future__ import annotations

import unicodedata
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

_CLOSED_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by carriers
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, cloud metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_OPEN_V6 = IPv6Network("2000::/3")
"""All of IPv6 that is given out; everything else (loopback, local, mapped, multicast) is closed."""
_CLOSED_V6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # Teredo, benchmarks, ORCHID
        "2001:db8::/32",
        "2002::/16",  # 6to4 holds any IPv4 address
        "3fff::/20",
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """True for an address out in the internet. A NAT64 address is what the IPv4 address in it is."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_V4)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _OPEN_V6 and not any(address in network for network in _CLOSED_V6)


def plain_host(host: str) -> str:
    """The host as a resolver would take it: compatibility forms folded, small letters, no dot at the end."""
    folded = unicodedata.normalize("NFKC", host)
    for dot in "\u3002\uff0e\uff61":
        folded = folded.replace(dot, ".")
    return folded.lower().rstrip(".")


def as_address(host: str) -> Address | None:
    """The address that a host means by itself, in any spelling resolvers accept (`0x7f.1`, `2130706433`, `::1`);
    None for a name. Raises ValueError for what looks like an address and is none."""
    if ":" in host:
        try:
            return IPv6Address(host)
        except AddressValueError as error:
            raise ValueError(str(error)) from error
    parts = host.split(".")
    if not _number_like(parts[-1]):
        return None
    if len(parts) > 4:
        raise ValueError(f"{host!r} is no address")
    numbers = [_number(part) for part in parts]
    *leading, last = numbers
    if any(number > 255 for number in leading) or last >= 256 ** (5 - len(numbers)):
        raise ValueError(f"{host!r} is no address")
    value = last
    for place, number in enumerate(leading):
        value += number << (8 * (3 - place))
    return IPv4Address(value)


def _number_like(part: str) -> bool:
    return part.isdecimal() or part.startswith("0x")


def _number(part: str) -> int:
    """One part of an IPv4 address as inet_aton reads it: decimal, octal or hexadecimal."""
    if not part.isascii() or not part:
        raise ValueError(f"{part!r} is no number")
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8 if part.startswith("0") and len(part) > 1 else 10)
