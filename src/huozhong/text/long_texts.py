"""Long texts -> token ids, in pieces: others get on meanwhile, and what is far too long is not read to its end.

The library holds the interpreter's lock while it encodes one text, 0.8 s for a million characters, and lets go of it
while it encodes a batch.  Its notes on each token (offsets, written forms) take a hundred bytes, so a whole book at
once costs hundreds of megabytes; of a piece they are soon gone.

A cut changes no token.  It is made where the library has cut between two words in any case, well before the end of
the piece that it was shown, and before a character that neither joins the one before it nor is counted from behind
(digits are, by some vocabularies).
"""

from __future__ import annotations

from tokenizers import Encoding, Tokenizer

from huozhong.errors import ContextLengthError

SHORT = 2_000  # characters up to which a text is encoded at once: 2 ms
PIECE = 16_000
_STAND_ALONE = (("\u3040", "\u3098"), ("\u30a0", "\u30ff"), ("\u4e00", "\u9fff"))  # kana, Han
_MARGIN = 64  # characters before a piece's end in which no cut is made


def encode_long(
    text: str,
    first: Tokenizer,
    more: Tokenizer | None,
    most: int | None = None,
    longest: int | None = None,
    piece: int = PIECE,
) -> list[int]:
    """The ids of `text`, as `first` alone would give them.

    more: for what does not stand at the beginning; None: the text cannot be cut.
    most: a text that has more tokens and is not read yet is left there.  Raises ContextLengthError.
    longest: bytes in the vocabulary's longest token; with it, what cannot fit is not even begun.
    piece: characters that are read at once, twice as many wherever there is no place for a cut.
    """
    if most is not None and longest is not None and len(text) > most * longest:
        least = -(-len(text) // longest)
        raise _too_long(f"its {len(text):,} characters are at least {least:,} tokens", least, most)
    ids: list[int] = []
    at, size = 0, len(text) if more is None else piece
    reader = first
    while at < len(text):
        read = text[at : at + size]
        (found,) = reader.encode_batch([read], add_special_tokens=False)
        if at + size >= len(text):
            return ids + found.ids
        cut = _last_cut(found, read)
        if cut is None:
            size *= 2
            continue
        count, length = cut
        ids += found.ids[:count]
        at, size = at + length, piece
        assert more is not None
        reader = more
        if most is not None and len(ids) > most:
            why = f"the first {at:,} of its {len(text):,} characters are {len(ids):,} tokens"
            raise _too_long(why, len(ids), most)
    return ids


def _too_long(why: str, least: int, most: int) -> ContextLengthError:
    return ContextLengthError(
        f"the text is far too long: {why}, which exceeds the available context size of {max(most, 0):,}.  Shorten it, "
        "or begin a new conversation.",
        tokens=least,
        context=max(most, 0),
    )


def _last_cut(found: Encoding, read: str) -> tuple[int, int] | None:
    """(tokens, characters) before the last place where a cut changes nothing; None where there is none."""
    words = found.word_ids
    last = words[-1] if words else None
    for i in range(len(words) - 1, 0, -1):
        word = words[i]
        if word is None or last is None or word == words[i - 1] or word > last - 2:
            continue
        span = found.token_to_chars(i)
        if span is not None and 0 < span[0] < len(read) - _MARGIN and _stands_alone(read[span[0]]):
            return i, int(span[0])
    return None


def _stands_alone(char: str) -> bool:
    """Whether a character joins nothing before it: no digit, no accent, no half of a syllable."""
    if char.isdigit():
        return False
    return char < "\u0300" or any(low <= char <= high for low, high in _STAND_ALONE)
