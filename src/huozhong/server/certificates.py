"""`--https`: a certificate authority of this machine's own, and the certificate that it signs for the server.

The authority is made once and its key never leaves its folder (files of mode 0600).  It can sign for local names and
private addresses only, and for the names that it was made for (X.509 name constraints): whoever steals its key cannot
pretend to be a bank to the phones that trust it.  The server's certificate is made anew when it is about to end, or
when the machine has another name or address.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from huozhong.errors import ConfigError
from huozhong.files import write_whole
from huozhong.server.authority import Authority

_AUTHORITY_DAYS = 3650
_SERVER_DAYS = 397  # Apple's devices take no longer ones
_RENEW_DAYS = 30
_LOCAL_NAMES = ("localhost", "local", "lan", "home.arpa", "internal")
_LOCAL_NETWORKS = (
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
    "::1/128", "fc00::/7", "fe80::/10",
)  # fmt: skip

Key = ec.EllipticCurvePrivateKey


def authority_in(folder: Path, names: Iterable[str]) -> Authority:
    """The authority of a folder, made if there is none, with a certificate that holds for all of `names`.

    names: host names and addresses.  `ConfigError` when they cannot be signed for or the folder cannot be used.
    """
    wanted = sorted({name.lower() for name in names} | {"localhost", "127.0.0.1", "::1"})
    found = Authority(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not found.certificate.exists():
            _make_authority(found, wanted)
        _check_permitted(found, wanted)
        if not _is_good(found, wanted):
            _make_server(found, wanted)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"The certificates in {folder} cannot be used ({error}); remove that folder to have new ones made."
        ) from None
    return found


def _make_authority(made: Authority, names: list[str]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Huozhong"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Huozhong {names_of_own(names)}"[:64]),
        ]
    )
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        _builder(name, name, key, _AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.NameConstraints(_permitted(names), None), critical=True)
    )
    _write_key(made.folder / "authority.key", key)
    write_whole(made.certificate, builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def names_of_own(names: list[str]) -> str:
    """The machine's own name among all it answers to."""
    return next((name for name in names if not _is_address(name) and name != "localhost"), "localhost")


def _permitted(names: list[str]) -> list[x509.GeneralName]:
    own = [name for name in names if not _is_address(name)]
    public = [name for name in names if _is_address(name) and not _is_local(name)]
    networks = [*_LOCAL_NETWORKS, *public]
    return [
        *(x509.DNSName(name) for name in dict.fromkeys([*_LOCAL_NAMES, *own])),
        *(x509.IPAddress(ipaddress.ip_network(network)) for network in networks),
    ]


def _check_permitted(made: Authority, names: list[str]) -> None:
    constraints = _read(made.certificate).extensions.get_extension_for_class(x509.NameConstraints).value
    permitted = constraints.permitted_subtrees or []
    ends = [one.value for one in permitted if isinstance(one, x509.DNSName)]
    found = [one.value for one in permitted if isinstance(one, x509.IPAddress)]
    networks = [one for one in found if isinstance(one, ipaddress.IPv4Network | ipaddress.IPv6Network)]
    for name in names:
        if _is_address(name):
            address = ipaddress.ip_address(name)
            good = any(address in network for network in networks)
        else:
            good = any(name == end or name.endswith(f".{end}") for end in ends)
        if not good:
            raise ConfigError(
                f"The certificate authority in {made.folder} was made without {name!r} and may not sign for it; remove "
                "that folder, start again, and let every device trust the new one."
            )


def _is_good(made: Authority, names: list[str]) -> bool:
    """Whether the server's certificate is there, is this authority's, holds long enough and for all of the names."""
    files = (made.folder / "server.pem", made.folder / "server.key")
    if not all(file.exists() for file in files):
        return False
    certificate = _read(files[0])
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    there = {str(name.value) for name in held}
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    signed = certificate.issuer == _read(made.certificate).subject
    return signed and set(names) <= there and left > datetime.timedelta(days=_RENEW_DAYS)


def _make_server(made: Authority, names: list[str]) -> None:
    authority = _read(made.certificate)
    signer = serialization.load_pem_private_key((made.folder / "authority.key").read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names_of_own(names)[:64])])
    held: list[x509.GeneralName] = [
        x509.IPAddress(ipaddress.ip_address(name)) if _is_address(name) else x509.DNSName(name) for name in names
    ]
    builder = (
        _builder(subject, authority.subject, key, _SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(held), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    # The key first: after a crash between the two, the certificate is not good and both are made again.
    (made.folder / "server.pem").unlink(missing_ok=True)
    _write_key(made.folder / "server.key", key)
    pem = builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    write_whole(made.folder / "server.pem", pem)


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, days: int) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # phones whose clock is a little behind
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _write_key(path: Path, key: Key) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    # Nobody else may read it at any moment, so it is not written first and locked up afterwards.
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_local(address: str) -> bool:
    found = ipaddress.ip_address(address)
    return any(found in ipaddress.ip_network(network) for network in _LOCAL_NETWORKS)


def main() -> None:
    """In a process of its own, with a folder and names; what is wrong is one sentence on stdout, and status 1."""
    folder, *names = sys.argv[1:]
    try:
        authority_in(Path(folder), names)
    except ConfigError as error:
        print(error)
        sys.exit(1)


if __name__ == "__main__":
    main()
