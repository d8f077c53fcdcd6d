"""`--https`: where the certificates of this machine's own authority lie.  `server.certificates` makes them."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Authority:
    """folder: holds authority.pem, authority.key, server.pem and server.key."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """What phones and computers are to trust (PEM)."""
        return self.folder / "authority.pem"

    def der(self) -> bytes:
        """The same as phones take it."""
        return ssl.PEM_cert_to_DER_cert(self.certificate.read_text(encoding="ascii"))

    def fingerprint(self) -> str:
        """SHA-256, pairs of hexadecimal digits, as phones show it."""
        digest = hashlib.sha256(self.der()).hexdigest().upper()
        return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))

    def context(self) -> ssl.SSLContext:
        """What a server needs to speak TLS with this authority's certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        return context
