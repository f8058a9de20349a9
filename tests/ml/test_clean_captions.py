"""Captions as `data clean` leaves them, and which it leaves out."""

from pathlib import Path

import pytest

from ml.datasets.cleaning.captions import BLOCKED, CaptionRules, normalise, read_phrases, words
from ml.errors import UsageError


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        ("A dog runs .", "A dog runs."),
        ("  two\tdogs\n\n run\u2028fast  ", "two dogs run fast"),
        ("a <b>dog</b> &amp; a cat<br/>", "a dog & a cat"),
        ("fish &amp;amp; chips, &amp;lt;i&amp;gt;hot&amp;lt;/i&amp;gt;", "fish & chips, hot"),
        ("I <3 dogs and they > cats", "I <3 dogs and they > cats"),
        ("“Two” dogs – the boy’s…", '"Two" dogs - the boy\'s...'),
        ('"a dog on the grass"', "a dog on the grass"),
        ('" a dog on the grass', "a dog on the grass"),
        ('a sign that says "stop"', 'a sign that says "stop"'),
        ('"stop" says a sign', '"stop" says a sign'),
        ("the home of two dogs'", "the home of two dogs'"),
        ("***two dogs | ", "two dogs"),
        ("half a mile is .5 of one", "half a mile is .5 of one"),
        ("zero\u200bwidth\ufeff and so\u00adft, \x07bell, half \ud83d a pair", "zerowidth and soft, bell, half a pair"),
        ("a dog 🐕 runs", "a dog 🐕 runs"),
        ("ｆｕｌｌ width", "full width"),
        ("🐕🐕", "🐕🐕"),
        ("<br>", ""),
        ("...", "..."),
    ],
)
def test_normalised(written: str, normalised: str) -> None:
    assert normalise(written) == normalised
    assert normalise(normalised) == normalised


@pytest.mark.parametrize(
    ("caption", "count"),
    [
        ("The boy's well-known dog, 2 cats.", 6),
        ("🐕 🐕 🐕", 0),
        ("... -- !", 0),
        ("", 0),
        ("两只狗在跑", 5),
        ("dog 犬と猫", 4),
        ("Übergröße für zwei", 3),
    ],
)
def test_words_are_counted(caption: str, count: int) -> None:
    assert len(words(caption)) == count


@pytest.mark.parametrize(
    ("caption", "reason"),
    [
        ("Two dogs run over the grass.", None),
        ("A man and a woman sit on a bench", None),
        ("DOGS PLAY IN THE SNOW", None),
        ("a dog 🐕 runs in the park", None),
        ("dog", "caption too short"),
        ("🐕🐕🐕", "caption too short"),
        ("", "caption too short"),
        ("a dog " * 40, "caption too long"),
        ("Two dogs run, royalty  free stock photo", "blocked words"),
        ("Image Coming Soon", "blocked words"),
        ("a stockpile of wood beside the road", None),
        ("Ein Hund rennt über eine Wiese", "not English"),
        ("Un chien court dans l'herbe", "not English"),
        ("两只狗在草地上跑", "not English"),
        ("Собака бежит по траве", "not English"),
    ],
)
def test_captions_are_left_out_for_a_reason(caption: str, reason: str | None) -> None:
    fault = CaptionRules().fault(normalise(caption))
    assert (fault and fault[0]) == reason


def test_any_language_may_be_kept() -> None:
    rules = CaptionRules(english=False)
    for caption in ("Ein Hund rennt über eine Wiese", "两只狗在草地上跑", "Собака бежит по траве", "सड़क पर दो कुत्ते"):
        assert rules.fault(caption) is None


def test_words_are_counted_to_the_limits() -> None:
    rules = CaptionRules(min_words=3, max_words=4, english=False, blocked=())
    faults = [rules.fault(" ".join(["dog"] * count)) for count in range(2, 6)]
    assert faults == [("caption too short", "2 words"), None, None, ("caption too long", "5 words")]


def test_blocked_phrases_are_read_as_captions_are(tmp_path: Path) -> None:
    path = tmp_path / "blocked.txt"
    path.write_text("# brands\n\nDon’t  copy # nor paste\nC++\n a.b \n", encoding="utf-8")
    assert read_phrases(path) == ["Don't copy", "C++", "a.b"]
    rules = CaptionRules(english=False, blocked=read_phrases(path))
    for caption, found in {
        "please don't\u00a0copy this": "don't copy",
        "written in c++ today": "c++",
        "only a.b here": "a.b",
    }.items():
        assert rules.fault(normalise(caption)) == ("blocked words", found)
    for caption in ("I don't copycat", "only axb here", "c+ was my mark"):
        assert rules.fault(normalise(caption)) is None
    assert CaptionRules(english=False, blocked=()).fault("all rights reserved") is None


def test_the_own_list_blocks_each_of_its_phrases() -> None:
    rules = CaptionRules(english=False)
    for phrase in read_phrases(BLOCKED):
        assert rules.fault(f"a dog, {phrase.upper()}!") == ("blocked words", phrase.upper())


def test_a_list_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_phrases(tmp_path / "absent.txt")
    (tmp_path / "utf16.txt").write_bytes("phrase".encode("utf-16"))
    with pytest.raises(UsageError, match="cannot be read"):
        read_phrases(tmp_path / "utf16.txt")
