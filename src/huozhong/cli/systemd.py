"""`serve --systemd`: a unit that runs the server as nobody in particular, in a sandbox; and the answers to systemd."""

from __future__ import annotations

import os
import shlex
import socket
import sys

_UNIT = """\
# {hint}
#   huozhong serve --lan --systemd | sudo tee /etc/systemd/system/huozhong.service
#   sudo systemctl daemon-reload && sudo systemctl enable --now huozhong
[Unit]
Description=Huozhong, an assistant for those who live here
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
ExecStart={command}
Environment=HUOZHONG_HOME=/var/lib/huozhong XDG_CACHE_HOME=/var/cache/huozhong PYTHONUNBUFFERED=1
Restart=on-failure
RestartSec=2
TimeoutStartSec=300
TimeoutStopSec=20

# A user of its own that exists while it runs, and writes nowhere but here.
DynamicUser=yes
StateDirectory=huozhong
StateDirectoryMode=0700
CacheDirectory=huozhong
UMask=0077
ProtectSystem=strict
ProtectHome={home}
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
LockPersonality=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallFilter=sched_setaffinity setpriority

[Install]
WantedBy=multi-user.target
"""


def unit(arguments: list[str], hint: str) -> str:
    """The unit for a command line (`serve` and its options).  hint: a line for whoever reads it."""
    command = [sys.executable, "-m", "huozhong.cli.main", *(word for word in arguments if word != "--systemd")]
    # Where the program itself lies in a home folder, that has to be seen, if not written.
    needs_home = any(path.startswith(("/home/", "/root/")) for path in (sys.executable, __file__))
    quoted = shlex.join(command).replace("%", "%%")
    return _UNIT.format(hint=hint, command=quoted, home="read-only" if needs_home else "yes")


def tell_systemd(state: str) -> None:
    """READY=1 or STOPPING=1 to whoever started us and asked to be told; nothing where nobody did."""
    where = os.environ.get("NOTIFY_SOCKET")
    if not where:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect("\0" + where[1:] if where.startswith("@") else where)
        channel.sendall(state.encode())
