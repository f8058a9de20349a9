"""The words that the built-in captioner knows."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

END = 0  #: also fills the places after a caption's end
START = 1
UNKNOWN = 2
SPECIAL = ("<end>", "<start>", "<unknown>")

_WORD = re.compile(r"'s\b|[a-z0-9]+(?:-[a-z0-9]+)*")


def split_words(text: str) -> list[str]:
    """The words of a caption in lower case, without punctuation; hyphens stay, a possessive `'s` stands alone."""
    return _WORD.findall(text.lower())


def join_words(words: Iterable[str]) -> str:
    """Words as people write them: the possessive `'s` joins its owner."""
    return " ".join(words).replace(" 's", "'s")


class Vocabulary:
    """Words and their numbers; numbers below 3 are the marks of `SPECIAL`."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._tokens = (*SPECIAL, *self.words)
        self._numbers = {token: number for number, token in enumerate(self._tokens)}

    @classmethod
    def of(cls, captions: Iterable[str], *, seen: int) -> "Vocabulary":
        """The words that captions use `seen` times or more, the most frequent first."""
        counts = Counter(word for caption in captions for word in split_words(caption))
        return cls(
            [word for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if count >= seen]
        )

    def __len__(self) -> int:
        return len(self._tokens)

    def encode(self, caption: str) -> list[int]:
        """Numbers of a caption's words, without START and END."""
        return [self._numbers.get(word, UNKNOWN) for word in split_words(caption)]

    def decode(self, numbers: Iterable[int]) -> str:
        """The caption that numbers (as the decoder gives them, up to END) stand for."""
        return join_words(self.tokens(numbers))

    def tokens(self, numbers: Iterable[int]) -> list[str]:
        """The word of each number, up to END."""
        tokens = []
        for number in numbers:
            if number == END:
                break
            tokens.append(self._tokens[number])
        return tokens
