"""The text tower: what is published, whatever stands beside a text in its batch."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from ml.backbones import minilm
from ml.errors import ModelCorrupt, ModelNotFound

pytestmark = pytest.mark.models

TEXTS = ["a cat", "", "two dogs run along the beach while a child throws a ball", "a Cat"]


@pytest.fixture(scope="module")
def tower() -> minilm.MiniLM:
    return minilm.MiniLM.load()


def test_a_text_has_one_vector_of_length_one_alone_or_in_a_batch(tower: minilm.MiniLM) -> None:
    together = tower.encode(TEXTS)
    assert together.shape == (4, minilm.DIMENSION)
    assert torch.allclose(together.norm(dim=1), torch.ones(4), atol=1e-5)
    assert torch.allclose(together, torch.cat([tower.encode([text]) for text in TEXTS]), atol=1e-5)


def test_it_computes_what_transformers_computes(tower: minilm.MiniLM) -> None:
    from transformers import BertModel

    reference = BertModel.from_pretrained(minilm.model_folder(), local_files_only=True).eval()
    tokenizer = Tokenizer.from_file(str(minilm.model_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    for text, vector in zip(TEXTS, tower.encode(TEXTS), strict=True):
        with torch.inference_mode():
            states = reference(input_ids=torch.tensor([tokenizer.encode(text).ids])).last_hidden_state
        expected = torch.nn.functional.normalize(states.mean(dim=1)[0], dim=0)
        assert torch.allclose(vector, expected, atol=1e-5)


def test_meaning_is_nearer_than_spelling(tower: minilm.MiniLM) -> None:
    cat, kitten, cap = tower.encode(["a cat", "a kitten", "a cap"])
    assert cat @ kitten > cat @ cap


def test_letter_case_does_not_matter_and_length_is_cut(tower: minilm.MiniLM) -> None:
    lower, upper = tower.encode(["a cat", "A CAT"])
    assert torch.allclose(lower, upper, atol=1e-6)
    words = "dog " * 5 * minilm.MAX_TOKENS
    assert torch.allclose(*tower.encode([words, words + "cat"]), atol=1e-5)


def test_no_texts_give_no_vectors(tower: minilm.MiniLM) -> None:
    assert tower.encode([]).shape == (0, minilm.DIMENSION)


def test_threads_do_not_disturb_each_other(tower: minilm.MiniLM) -> None:
    expected = tower.encode(TEXTS)
    with ThreadPoolExecutor(4) as threads:
        for vectors in threads.map(lambda _: tower.encode(TEXTS), range(8)):
            assert torch.allclose(vectors, expected, atol=1e-6)


def test_a_missing_package_and_a_changed_file_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package_here")
    with pytest.raises(ModelNotFound, match="make install"):
        minilm.MiniLM.load()
    for name in minilm.SHA256:
        (tmp_path / name).write_bytes(b"something else")
    monkeypatch.setattr(minilm, "model_folder", lambda: tmp_path)
    with pytest.raises(ModelCorrupt, match=r"model\.safetensors"):
        minilm.MiniLM.load()
