"""Which targets a webhook may have: no way from here into the network that this service stands in.

Every address that a name stands for is looked at, and the connection goes to an address that was looked
at, so that a name cannot stand for another one a moment later (OWASP API7, server side request forgery).
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import httpx

PORTS = (443, 8443)
MOST_LOOKUPS = 64
_LONGEST_HOST = 253
_MOST_ADDRESSES = 4
Networks = Sequence[IPv4Network | IPv6Network]
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_TEREDO = IPv6Network("2001::/32")
_NAT64 = IPv6Network("64:ff9b::/96")


class TargetRefused(Exception):
    """Nothing is sent there; `code` is a word of the log, the message says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def _refused(message: str) -> TargetRefused:
    return TargetRefused("address_not_allowed", message)


def read_target(url: str, *, allowed: Networks) -> httpx.URL:
    """Read a URL; http and other ports are good at most for the networks that the settings allow.

    Raises
    ------
    TargetRefused
        It is none, or one that nothing is sent to whatever its name stands for.
    """
    try:
        target = httpx.URL(url)
        host, port = target.raw_host.decode("ascii"), target.port
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise _refused("This is no URL.") from None
    # As it was written, because an empty user is gone once the URL is read.
    authority = re.split(r"[/?#]", url.partition("//")[2], maxsplit=1)[0]
    if target.userinfo or "@" in authority or "\\" in authority:
        raise _refused("A URL with a user or a password in it is not taken.")
    if target.fragment:
        raise _refused("A URL with a fragment is not taken; it would not be sent.")
    if not 1 <= len(host) <= _LONGEST_HOST:
        raise _refused("The URL names no host.")
    if port == 0 or (not allowed and not _is_ordinary(target)):
        raise _refused("Only https is taken, at port 443 or 8443.")
    if _literal(host) is None and _ends_in_number(host):
        raise _refused("The host is a number; write an address as four decimal numbers.")
    return target


def _is_ordinary(target: httpx.URL) -> bool:
    return target.scheme == "https" and port_of(target) in PORTS


def port_of(target: httpx.URL) -> int:
    """Return the port that a URL leads to."""
    return target.port or (443 if target.scheme == "https" else 80)


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _ends_in_number(host: str) -> bool:
    """Say whether readers of URLs may take a host for an IPv4 address (WHATWG URL, section 3.5)."""
    last = host.rstrip(".").rpartition(".")[2].lower()
    return last.isdigit() or (
        last.startswith("0x") and all(c in "0123456789abcdef" for c in last[2:])
    )


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Say whether an address is one of the public internet, also where another one is wrapped in it."""
    if isinstance(address, IPv4Address):
        return address.is_global and not (address.is_multicast or address.is_reserved)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    if address.sixtofour is not None:
        return is_public(address.sixtofour)
    # Outside 2000::/3 there is no global unicast: loopback, mapped, local, multicast.
    return address in _GLOBAL_UNICAST and address not in _TEREDO and address.is_global


class Resolver:
    """Finds the addresses of names in threads of its own: a name server that hangs stops nobody else."""

    def __init__(self, allowed: Networks) -> None:
        self.allowed = tuple(allowed)
        self._threads = ThreadPoolExecutor(MOST_LOOKUPS, thread_name_prefix="webhook-names")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def addresses(self, target: httpx.URL) -> list[str]:
        """Return the addresses that a target may be reached at.

        Raises
        ------
        TargetRefused
            Its name cannot be resolved, or stands for an address that nothing is sent to.
        """
        host, port = target.raw_host.decode("ascii"), port_of(target)
        found = _literal(host)
        addresses = [found] if found is not None else await self._look_up(host, port)
        for address in addresses:
            if any(address in network for network in self.allowed):
                continue
            if not is_public(address):
                raise _refused("The host is, or stands for, an address that is not public.")
            if not _is_ordinary(target):
                raise _refused("Only https is taken, at port 443 or 8443.")
        return [str(address) for address in addresses[:_MOST_ADDRESSES]]

    async def _look_up(self, host: str, port: int) -> list[IPv4Address | IPv6Address]:
        loop = asyncio.get_running_loop()
        try:
            rows = await loop.run_in_executor(
                self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            )
            # A scope (fe80::1%eth0) names an interface of this machine; the address says enough.
            found = [ipaddress.ip_address(str(row[4][0]).partition("%")[0]) for row in rows]
        except (OSError, UnicodeError, ValueError):
            found = []
        if not found:
            raise TargetRefused("name_not_resolved", "The host's name cannot be resolved.")
        return list(dict.fromkeys(found))
