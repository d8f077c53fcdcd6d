"""The authority of this machine: made once, its key for nobody else, its certificate for all names and no others."""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import ssl
import stat
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from huozhong.errors import ConfigError
from huozhong.server import certificates
from huozhong.server.certificates import authority_in

NAMES = ("kitchen", "kitchen.local", "huozhong.local", "192.168.1.5", "fd00::5")


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def greet_as(server: ssl.SSLContext, authority: Path, name: str) -> None:
    """A real TLS handshake with a client that trusts this authority and no other; raises where it fails."""
    ours, theirs = socket.socketpair()

    def answer() -> None:
        with suppress(ssl.SSLError, OSError), server.wrap_socket(theirs, server_side=True) as secure:
            secure.sendall(b"hello")  # or the client has refused: it says why

    thread = threading.Thread(target=answer)
    thread.start()
    client = ssl.create_default_context(cafile=authority)
    try:
        with client.wrap_socket(ours, server_hostname=name) as secure:
            assert secure.recv(5) == b"hello"
    finally:
        ours.close()
        thread.join()


def greet(folder: Path, name: str) -> None:
    greet_as(authority_in(folder, NAMES).context(), folder / "authority.pem", name)


def test_a_client_that_trusts_it_is_greeted_by_every_name(tmp_path: Path) -> None:
    for name in (*NAMES, "localhost", "127.0.0.1", "::1"):
        greet(tmp_path, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        greet(tmp_path, "elsewhere.local")


def test_it_is_made_once_and_its_keys_are_for_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "authority"
    first = authority_in(folder, NAMES)
    fingerprint, served = first.fingerprint(), (folder / "server.pem").read_bytes()
    assert authority_in(folder, NAMES).fingerprint() == fingerprint
    assert (folder / "server.pem").read_bytes() == served
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for key in ("authority.key", "server.key"):
        assert stat.S_IMODE((folder / key).stat().st_mode) == 0o600
    assert b"PRIVATE" not in first.certificate.read_bytes()
    assert len(fingerprint) == 95


def test_the_certificate_is_renewed_before_it_ends_and_for_new_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority_in(tmp_path, NAMES)
    served = read(tmp_path / "server.pem")
    assert served.not_valid_after_utc - served.not_valid_before_utc < datetime.timedelta(days=399)
    authority_in(tmp_path, [*NAMES, "192.168.7.7"])
    moved = read(tmp_path / "server.pem")
    assert moved.serial_number != served.serial_number
    held = moved.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert ipaddress.ip_address("192.168.7.7") in held.get_values_for_type(x509.IPAddress)
    monkeypatch.setattr(certificates, "_RENEW_DAYS", 400)  # as if 367 days had passed
    authority_in(tmp_path, [*NAMES, "192.168.7.7"])
    assert read(tmp_path / "server.pem").serial_number != moved.serial_number


def test_a_stolen_authority_signs_for_no_bank(tmp_path: Path) -> None:
    made = authority_in(tmp_path, NAMES)
    with pytest.raises(ConfigError, match=r"bank\.example.*remove"):
        authority_in(tmp_path, [*NAMES, "bank.example"])
    certificates._make_server(made, ["bank.example"])  # what a thief would do
    verifier = (
        PolicyBuilder().store(Store([read(made.certificate)])).build_server_verifier(x509.DNSName("bank.example"))
    )
    with pytest.raises(VerificationError):
        verifier.verify(read(tmp_path / "server.pem"), [])
    with pytest.raises(ssl.SSLCertVerificationError):
        greet_as(made.context(), made.certificate, "bank.example")


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "authority.pem").write_text("nonsense")
    with pytest.raises(ConfigError, match="remove that folder"):
        authority_in(tmp_path, NAMES)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        authority_in(tmp_path / "file", NAMES)


def test_an_owner_of_another_name_has_an_authority_for_it(tmp_path: Path) -> None:
    authority_in(tmp_path, ["fire.example", "203.0.113.9"])
    authority_in(tmp_path, ["fire.example", "203.0.113.9", "10.1.2.3"])
    with pytest.raises(ConfigError, match=r"203\.0\.113\.10"):
        authority_in(tmp_path, ["203.0.113.10"])
    assert os.listdir(tmp_path)
