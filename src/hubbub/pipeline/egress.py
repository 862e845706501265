"""How a run's requests leave this machine: directly, or through the proxies assigned to a source.

A source that has proxies never goes around them: when none is healthy, nothing is asked at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hubbub.errors import RemoteError
from hubbub.events import Event, Finding
from hubbub.http.addresses import origin
from hubbub.http.proxies import Health, Proxy, summed
from hubbub.http.tunnels import TRIES, Place, Tunnels, examine
from hubbub.store.proxy_list import Listed, assigned, change_list, counted

MEDIA = "media"
"""What stands for the hosts of pictures and videos where sources are named."""

_ADVICE = "`hubbub proxies test` tells how each is; `hubbub proxies remove` takes one off the list"


class Egress:
    """The proxies of one run: tested before the first request, counted while it lasts, their health kept at its end."""

    def __init__(self, listed: Sequence[Listed] = (), *, file: Path | None = None, strict: bool = False) -> None:
        """`file` is where the list lies, to keep their health in; `strict` refuses to begin when any proxy fails."""
        self._listed = tuple(listed)
        self._file = file
        self._strict = strict
        self._tested: dict[Proxy, Health] = {}
        self._opened: list[Tunnels] = []

    async def route(self, source: str, *, to: str | None, tell: Callable[[Event], None]) -> Tunnels | None:
        """The way of one source: None is the direct one, which only a source without proxies takes.

        Each proxy is tried up to three times for a connection to the host of `to` (an address; None tries the proxy
        only); those that open none are left out with a warning. Raises RemoteError when none is left, or when one
        fails and `strict` says that none may."""
        proxies = assigned(self._listed, source)
        if not proxies:
            return None
        found = await examine(proxies, to=dict.fromkeys(proxies, place_of(to)))
        for proxy, health in found.items():
            self._tested[proxy] = summed(self._tested.get(proxy, Health()), health)
        bad = {proxy: health for proxy, health in found.items() if health.state != "healthy"}
        good = [proxy for proxy in proxies if proxy not in bad]
        said = "; ".join(f"{proxy.shown}: {health.last_error}" for proxy, health in bad.items())
        if bad and (self._strict or not good):
            why = "" if not good else ", and proxies.strict is set"
            count = f"{len(bad)} of the {len(proxies)} proxies" if len(proxies) > 1 else "the proxy"
            raise RemoteError(
                f"{count} of {source} failed {TRIES} times{why}: nothing was asked ({said})", advice=_ADVICE
            )
        if bad:
            what = f"{source} goes on without proxies that failed {TRIES} times: {said}"
            tell(Finding(severity="warning", what=what))
        tunnels = Tunnels(good, blames=source != MEDIA)
        self._opened.append(tunnels)
        return tunnels

    @property
    def health(self) -> dict[Proxy, Health]:
        """What was counted in this run."""
        whole = dict(self._tested)
        for tunnels in self._opened:
            for proxy, health in tunnels.health.items():
                whole[proxy] = summed(whole.get(proxy, Health()), health)
        return whole

    def settle(self) -> None:
        """Keep what was counted in the list, once. Raises StorageError and ConfigError as `change_list` does."""
        health: Mapping[Proxy, Health] = self.health
        self._tested, self._opened = {}, []
        if health and self._file is not None:
            change_list(self._file, lambda listed: counted(listed, health))


def place_of(address: str | None) -> Place | None:
    """Host and port of a web address."""
    found = None if address is None else origin(address)
    if found is None:
        return None
    scheme, host, port = found
    return host, port or {"http": 80}.get(scheme, 443)
