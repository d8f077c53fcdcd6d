"""What local rounds will take, told before the start: bytes an hour and line, hours, joules; and the same for torch's
way, which sends every gradient of every step.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table

from huozhong.train.parallel.settings import Rounds


@dataclass(frozen=True)
class Outlook:
    """members: machines, the one that leads included.  compute_seconds: of the steps to come, on one machine alone.
    watts: of one machine at work.

    The machine that leads is where all lines end, so its own is the busiest: each round it takes in a message from each
    other member, and sends each of them all messages but its own.
    """

    rounds: Rounds
    parameters: int
    members: int
    first_step: int
    compute_seconds: float
    watts: float

    @property
    def message_bytes(self) -> int:
        """Sent by each member until the end."""
        return self.rounds.sent_bytes(self.parameters, self.first_step)

    @property
    def line_bytes(self) -> int:
        """Over a member's line until the end, both ways."""
        return self.message_bytes * self.members if self.members > 1 else 0

    @property
    def line_seconds(self) -> float:
        """Of waiting for the leader's line, which carries both ways at once; its sending is the longer."""
        others = self.members - 1
        return 8 * others * max(1, others) * self.message_bytes / (self.rounds.settings.line_mbit * 1e6)

    @property
    def seconds(self) -> float:
        return self.compute_seconds / self.members + self.line_seconds

    @property
    def joules(self) -> float:
        """Of all machines, which are on while they wait too."""
        return self.watts * self.seconds * self.members

    @property
    def dense_bytes(self) -> int:
        """Over a member's line, both ways, if every step's float32 gradient went around a ring."""
        steps = self.rounds.total_steps - self.first_step
        return 4 * (self.members - 1) * 4 * self.parameters * steps // self.members

    @property
    def dense_seconds(self) -> float:
        line = 8 * self.dense_bytes / 2 / (self.rounds.settings.line_mbit * 1e6)
        return self.compute_seconds / self.members + line

    def table(self) -> Table:
        settings = self.rounds.settings
        table = Table(title="一起训练 together", show_header=False)
        table.add_column(style="bold")
        table.add_column(justify="right")
        first = [each for each in self.rounds.all if each.end > self.first_step]
        if not first:
            return table
        ordinary = max(first, key=lambda each: each.end - each.start)
        table.add_row("成员 members", f"{self.members}")
        table.add_row(
            "轮数 rounds",
            f"{len(first):,}, {ordinary.end - ordinary.start} steps, "
            f"{ordinary.how.size(self.parameters) / 1e3:,.1f} kB from each member",
        )
        hours = self.seconds / 3600
        if self.members > 1:
            line = f"{settings.line_mbit:g} Mbit/s"
            table.add_row("每条线每小时 a line, an hour", f"{self.line_bytes / hours / 1e6:,.2f} MB")
            table.add_row("每条线共 a line, in all", f"{self.line_bytes / 1e6:,.2f} MB")
            table.add_row(
                f"时间（估算，{line}） hours (estimated)",
                f"{hours:,.3g} h, {100 * self.line_seconds / self.seconds:.0f}% of it waiting for lines",
            )
            table.add_row(
                "逐步同步要 every step's gradient would take",
                f"{self.dense_bytes / 1e6:,.1f} MB a line ({self.dense_bytes / self.line_bytes:,.0f}×), "
                f"{self.dense_seconds / 3600:,.3g} h",
            )
        table.add_row("能量（估算） energy (estimated)", f"{self.joules / 1e3:,.2f} kJ, all machines")
        return table
