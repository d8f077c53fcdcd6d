"""Passwords: what is accepted as one, its hash (argon2id), and a check that takes as long for a name nobody has.

The cost is OWASP's smaller recommendation (19 MiB, two rounds): about 20 ms on an old PC, and forty people who log in
together do not take a gigabyte.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from huozhong.errors import RequestError

SHORTEST, LONGEST = 8, 200  # characters

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_FIRST_TRIED = frozenset(
    (
        "password", "passw0rd", "password1", "qwertyui", "qwerty123", "iloveyou", "1qaz2wsx", "abcd1234", "abc12345",
        "a1234567", "aa123456", "huozhong", "1q2w3e4r", "zhangwei", "woaini520", "woaini1314", "5201314520",
        "11223344", "administrator", "letmein1", "admin123", "mima1234", "66668888", "12341234", "147258369",
    )
)  # fmt: skip


def checked_password(password: str, name: str) -> str:
    """A password as it is hashed.  `RequestError` for one that is too short, too long, or among the first guesses.

    Full-width digits and letters, as Chinese keyboards write them, count as the plain ones.
    """
    folded = unicodedata.normalize("NFKC", password)
    if not SHORTEST <= len(folded) <= LONGEST:
        raise _refused(
            f"密码要 {SHORTEST} 到 {LONGEST} 个字符。",
            f"A password has {SHORTEST} to {LONGEST} characters.",
        )
    low = folded.casefold()
    if low in _FIRST_TRIED or low == unicodedata.normalize("NFKC", name).casefold() or _is_a_row(low):
        raise _refused(
            "这个密码太容易猜到，请换一个。", "That password is among the first to be guessed; take another."
        )
    return folded


def hash_password(password: str) -> str:
    """The hash of a `checked_password`, with its salt and costs."""
    return _hasher.hash(password.encode("utf-8", "surrogatepass"))


def is_password(stored: str | None, password: str) -> bool:
    """Whether a password is the one of a hash; for None it takes as long and is False."""
    folded = unicodedata.normalize("NFKC", password[: LONGEST + 1])
    try:
        same = _hasher.verify(stored or _nobodys(), folded.encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False
    return same and stored is not None


def is_outdated(stored: str) -> bool:
    """Whether a hash was made with other costs than today's, and should be made again at the next login."""
    return _hasher.check_needs_rehash(stored)


@cache
def _nobodys() -> str:
    return _hasher.hash(b"the password of nobody")


def _is_a_row(text: str) -> bool:
    """12345678, 87654321, aaaaaaaa."""
    steps = {ord(right) - ord(left) for left, right in pairwise(text)}
    return len(steps) == 1 and steps <= {-1, 0, 1}


def _refused(zh: str, en: str) -> RequestError:
    return RequestError(f"{zh} / {en}", param="password", code="weak_password")
