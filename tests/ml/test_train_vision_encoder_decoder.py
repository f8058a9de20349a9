"""Training a ViT-BERT from small checkpoints in the hub's format, on pictures few enough to learn by heart."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional
from transformers import AutoModelForMaskedLM, ViTModel

import ml
from ml.__main__ import main
from ml.datasets.examples import read
from ml.errors import ModelCorrupt, ModelUnsupported, UsageError
from ml.training.options import to_json
from ml.training.run import Run, curve
from ml.training.vision_encoder_decoder import Options, loss_of, start_from, train
from ml.training.vit_bert_data import Captions, Photos
from ml.training.vit_bert_parts import Parts, assemble, keep_seen_words, reopen
from tests.ml.pairs import patterns

pytestmark = pytest.mark.training

CAPTIONS = ["a red dog runs on snow", "the blue bird sits in water", "a green cat", "the photo of a dog on grass"]
QUICK = {"bfloat16": False, "average": None, "mirror": False, "pictures": 2, "warm_up": 0.0}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return patterns(tmp_path / "data", CAPTIONS)


@pytest.fixture
def options(data: Path, written_checkpoint: Any) -> Any:
    def make(**changes: Any) -> Options:
        places = {"encoder": str(written_checkpoint("vit")), "decoder": str(written_checkpoint("bert"))}
        return Options(data=str(data), **{**places, **QUICK, **changes})

    return make


def trained(folder: Path, options: Options) -> Path:
    train(Run.start(folder, family="vit-bert", options=to_json(options), data={}))
    return folder


def told(folder: Path, data: Path) -> list[str]:
    from PIL import Image as PILImage

    captioner = ml.load_captioner(str(folder))
    return [result.text for result in captioner.caption([PILImage.open(each.path) for each in read(data, "dev")])]


def plain_loss(parts: Parts, photos: torch.Tensor, numbers: Any) -> float:
    """What transformers itself makes of each caption alone."""
    total = 0.0
    for row, texts in enumerate(numbers):
        for ids in map(torch.tensor, texts):
            outputs = parts.network(pixel_values=photos[row : row + 1], decoder_input_ids=ids[None, :-1])
            total += functional.cross_entropy(outputs.logits[0], ids[1:], reduction="sum", label_smoothing=0.1).item()
    return total


@pytest.mark.parametrize("decoder", ["bert", "roberta", "vit_gpt2"])
def test_captions_side_by_side_are_each_read_alone(decoder: str, written_checkpoint: Any, data: Path) -> None:
    folder = str(written_checkpoint(decoder))
    parts = reopen(folder) if decoder == "vit_gpt2" else assemble(str(written_checkpoint("vit")), folder)
    examples = list(read(data, "train"))[:3]
    captions = Captions([[[0, 6, 4, 1], [0, 7, 1]], [[0, 11, 13, 8, 9, 1]], [[0, 5, 1], [0, 4, 10, 1]]], padding=2)
    photos = Photos([each.path for each in examples], parts.image_processor).look(range(3), [False] * 3)

    with torch.no_grad():
        together = loss_of(parts.network.eval(), photos, captions.batch(range(3)), Options(data=""))
        assert together.item() == pytest.approx(plain_loss(parts, photos, captions.numbers), rel=1e-4)


def test_learns_by_heart_from_the_command_line_to_a_model_that_opens(
    tmp_path: Path, data: Path, written_checkpoint: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    rows = data / "train" / "metadata.jsonl"
    rows.write_text(8 * rows.read_text())  # an epoch of eight steps
    arguments = ["--data", str(data), "--output", str(run), "--encoder", str(written_checkpoint("vit"))]
    arguments += ["--decoder", str(written_checkpoint("bert")), "--epochs", "14", "--pictures", "4", "--no-mirror"]
    arguments += ["--learning-rate", "0.01", "--new-learning-rate", "0.01", "--average", "0.5", "--dropout", "0"]
    arguments += ["--label-smoothing", "0", "--no-bfloat16"]

    assert main(["train", "vit-bert", *arguments]) == 0

    losses = [line["loss"] for line in curve(run) if "loss" in line]
    assert losses[-1] < losses[0] / 2
    assert told(run / "model", data) == CAPTIONS
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["dev"]["rouge_l_best"] == 1.0
    assert all("crossattention" in name for name in metrics["new_weights"])
    assert "crossattention" in capsys.readouterr().out


@pytest.mark.parametrize("decoder", ["bert", "bert_without_words", "roberta"])
def test_only_what_no_checkpoint_has_is_new(decoder: str, written_checkpoint: Any) -> None:
    sees, tells = written_checkpoint("vit"), written_checkpoint(decoder)
    published = {
        "encoder": ViTModel.from_pretrained(sees, add_pooling_layer=False),
        "decoder": AutoModelForMaskedLM.from_pretrained(tells),
    }
    theirs = {
        f"{side}.{name}": parameter
        for side, network in published.items()
        for name, parameter in network.named_parameters()
        if not (decoder == "bert_without_words" and name.startswith("cls."))  # which no file holds
    }

    parts = assemble(str(sees), str(tells))

    parameters = dict(parts.network.named_parameters())
    assert parts.new == parameters.keys() - theirs.keys()
    assert theirs.keys() <= parameters.keys()
    assert all(torch.equal(parameters[name], parameter) for name, parameter in theirs.items())
    kinds = {"crossattention"} | ({"cls", "enc_to_dec_proj"} if decoder == "bert_without_words" else set())
    assert {next(kind for kind in kinds if kind in name) for name in parts.new} == kinds


@pytest.mark.parametrize("decoder", ["bert", "roberta"])
def test_no_more_is_learnt_or_said_than_the_decoder_has_places_for(
    decoder: str, tmp_path: Path, options: Any, written_checkpoint: Any
) -> None:
    long_data = patterns(tmp_path / "long", ["a red dog runs on the blue snow in water " * 3, "a cat"])
    choice = options(decoder=str(written_checkpoint(decoder)), epochs=1)

    run = trained(tmp_path / "run", replace(choice, data=str(long_data)))

    assert len(told(run / "model", long_data)) == 2


def test_a_run_that_was_cut_off_ends_like_one_that_was_not(
    tmp_path: Path, options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = options(epochs=3, average=0.9)  # with the small BERT's own dropout of 0.1
    whole = trained(tmp_path / "whole", choice)
    looks, look = [], Photos.look

    def breaking(self: Photos, *pictures: Any) -> torch.Tensor:
        looks.append(pictures)
        if len(looks) == 5:  # in the second epoch: two steps and a look at dev are an epoch
            raise KeyboardInterrupt
        return look(self, *pictures)

    monkeypatch.setattr(Photos, "look", breaking)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "cut", choice)
    train(Run.resume(tmp_path / "cut"))

    first, second = (load_file(run / "model" / "model.safetensors") for run in (whole, tmp_path / "cut"))
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())
    assert curve(whole) == curve(tmp_path / "cut")


def test_a_checkpoint_is_trained_further(tmp_path: Path, data: Path, written_checkpoint: Any, options: Any) -> None:
    start = written_checkpoint("vit_gpt2")

    run = trained(tmp_path / "run", options(encoder=None, decoder=None, model=str(start), learning_rate=1e-2, epochs=5))

    assert json.loads((run / "metrics.json").read_text())["new_weights"] == []
    losses = [line["loss"] for line in curve(run) if "loss" in line]
    assert losses[-1] < 0.8 * losses[0]
    assert told(run / "model", data) != told(start, data)


def test_an_encoder_may_be_left_as_it_is(tmp_path: Path, written_checkpoint: Any, options: Any) -> None:
    run = trained(tmp_path / "run", options(train_encoder=False, epochs=1))

    before = load_file(written_checkpoint("vit") / "model.safetensors")
    after = load_file(run / "model" / "model.safetensors")
    encoder = {name: tensor for name, tensor in before.items() if name.startswith("vit.")}
    assert encoder
    assert all(torch.equal(tensor, after[f"encoder.{name[4:]}"]) for name, tensor in encoder.items())


def test_a_step_in_parts_is_the_same_step(tmp_path: Path, written_checkpoint: Any, options: Any) -> None:
    still = {"epochs": 1, "pictures": 4, "dropout": 0.0}
    whole, parts = (curve(trained(tmp_path / str(count), options(parts=count, **still)))[0] for count in (1, 3))
    assert parts == pytest.approx(whole, rel=1e-4)  # the loss, and the norm of the gradient


def test_the_vocabulary_is_cut_down_to_what_was_seen(written_checkpoint: Any, pictures: Any) -> None:
    def scores(times: int) -> dict[str, float]:
        parts = assemble(str(written_checkpoint("vit")), str(written_checkpoint("bert_without_words")))
        torch.manual_seed(1)
        torch.nn.init.normal_(parts.network.decoder.cls.predictions.bias)  # so that each word's is known by it
        with torch.no_grad():
            cross = [p for n, p in parts.network.named_parameters() if n in parts.new and "predictions.bias" not in n]
            for parameter in cross:
                parameter.fill_(0.01)
        if times:
            parts = keep_seen_words(parts, ["a red dog runs", "a red cat"], times=times)
        photo = parts.image_processor(images=pictures[:1], return_tensors="pt")
        ids = parts.tokenizer("a red dog" if times != 2 else "a red", return_tensors="pt").input_ids[:, :3]
        with torch.no_grad():
            logits = parts.network.eval()(**photo, decoder_input_ids=ids).logits[0, -1]
        return dict(zip(parts.tokenizer.convert_ids_to_tokens(range(len(logits))), logits.tolist(), strict=True))

    before, after = scores(0), scores(1)

    assert set(after) == {"<s>", "</s>", "<pad>", "<unk>", "a", "red", "dog", "runs", "cat", "."}
    assert after == pytest.approx({word: before[word] for word in after}, abs=1e-5)
    assert set(scores(2)) == set(after) - {"dog", "runs", "cat"}


@pytest.mark.models
def test_the_packaged_towers_make_a_captioner_without_a_hub(tmp_path: Path, data: Path, options: Any) -> None:
    packaged = {"encoder": "builtin", "decoder": "minilm", "layers": 1, "seen": 1, "word_dropout": 0.1}

    run = trained(tmp_path / "run", options(cache=str(tmp_path / "maps"), **packaged, new_learning_rate=2e-3, epochs=4))

    losses = [line["loss"] for line in curve(run) if "loss" in line]
    assert losses[-1] < losses[0]
    captions = told(run / "model", data)
    assert len(captions) == len(CAPTIONS)
    pieces = {piece for caption in CAPTIONS for piece in caption.split()}
    assert set(" ".join(captions).split()) & pieces


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"decoder": "vit"}, ModelUnsupported, "vit is a vit model; the decoder must be a BERT"),
        ({"encoder": "bert"}, ModelUnsupported, "bert is a bert model; the encoder must be a vision transformer"),
        ({"model": "bert"}, UsageError, "Give --model alone"),
        ({"model": "bert", "encoder": None, "decoder": None}, ModelUnsupported, "this needs vision-encoder-decoder"),
        ({"decoder": None}, UsageError, "Give --encoder and --decoder, or --model"),
        ({"layers": 3}, UsageError, "The decoder has 2 layers: it cannot keep 3"),
    ],
)
def test_what_cannot_be_put_together_is_said_in_a_sentence(
    changes: dict[str, Any], error: type[Exception], sentence: str, written_checkpoint: Any, options: Any
) -> None:
    places = {
        name: str(written_checkpoint(value)) if isinstance(value, str) else value for name, value in changes.items()
    }
    with pytest.raises(error, match=sentence):
        start_from(options(**places), [])


def test_a_damaged_checkpoint_is_said_in_a_sentence(checkpoint: Any, options: Any) -> None:
    weights = checkpoint("bert") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])

    with pytest.raises(ModelCorrupt, match="damaged or truncated"):
        start_from(options(decoder=str(weights.parent)), [])


def test_a_checkpoint_that_lacks_more_than_may_be_new_is_corrupt(checkpoint: Any, options: Any) -> None:
    from safetensors.torch import save_file

    weights = checkpoint("bert") / "model.safetensors"
    kept = {name: tensor for name, tensor in load_file(weights).items() if "layer.1.attention.self.key" not in name}
    save_file(kept, weights, metadata={"format": "pt"})

    with pytest.raises(ModelCorrupt, match=r"incomplete: .*layer\.1\.attention\.self\.key"):
        start_from(options(decoder=str(weights.parent)), [])
