"""Trains a captioner of a vision transformer and a BERT: `python -m ml train vit-bert` runs this.

Sources: Rothe et al. 2020, https://arxiv.org/abs/1907.12461, for a decoder that starts from BERT; Li et al. 2021,
"TrOCR", https://arxiv.org/abs/2109.10282, for a vision transformer before it; Szegedy et al. 2015,
https://arxiv.org/abs/1512.00567, for label smoothing.
"""

import json
import math
import re
import shutil
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm import tqdm

from ml.captioners.vision_encoder_decoder import SETTINGS, Certainty, first_place, tell, tidy
from ml.datasets.examples import Example, Split, read
from ml.errors import UsageError
from ml.evaluation.captions import CaptionScores, rouge_l, score
from ml.files import whole
from ml.training import vit_bert_parts
from ml.training.calibration import fit_logistic
from ml.training.caption_dev import CONFIDENCE, GOOD
from ml.training.features import feature_maps
from ml.training.finish import finish, without_folders
from ml.training.loop import Task, fit
from ml.training.options import CACHE, from_json, option
from ml.training.run import Run
from ml.training.vit_bert_data import Batch, Captions, Maps, Photos, Pictures, Texts, batches
from ml.training.vit_bert_parts import Parts

DESCRIPTION = (
    "Train a captioner: a vision transformer whose patches a BERT reads by a cross-attention that is made anew. The "
    "encoder `builtin` and the decoder `minilm` are in packages, and need no hub."
)
SPLITS: tuple[Split, ...] = ("train", "dev")
TELLING = 32  #: pictures that are captioned together


@dataclass(frozen=True)
class Options:
    """What `train vit-bert` takes; the defaults are for a ViT and a BERT of base size."""

    data: str = option(help="folder of the data set, with splits train and dev")
    encoder: str | None = option(None, "vision transformer: a folder, a hub id, or builtin")
    decoder: str | None = option(None, "BERT: a folder, a hub id, or minilm")
    model: str | None = option(None, "a vision-encoder-decoder to train further, in place of the two: folder or hub id")
    cache: str = option(CACHE, "folder of feature maps, kept between runs")
    layers: int | None = option(None, "keep so many of the decoder's layers, evenly spread", least=1)
    seen: int | None = option(None, "keep only word pieces that the captions use so many times; spell the others")
    train_encoder: bool = option(True, "train the vision transformer too, or leave it as it is")
    epochs: int = option(5, least=1)
    pictures: int = option(32, "pictures a step, each with all its captions", least=1)
    parts: int = option(1, "parts in which a step is computed, to save memory", least=1)
    longest: int = option(32, "tokens of a caption; the tail of a longer one is not learned", least=3)
    learning_rate: float = option(3e-5, "of weights that come from a checkpoint")
    new_learning_rate: float = option(3e-4, "of weights that are new")
    warm_up: float = option(0.1, "share of the steps in which learning rates rise", most=1)
    schedule: str = option("cosine", "how they fall afterwards", ("linear", "cosine"))
    weight_decay: float = option(0.05)
    label_smoothing: float = option(0.1, most=1)
    dropout: float | None = option(None, "the decoder's, in place of its own", most=0.99)
    word_dropout: float = option(
        0.0, "share of the words read that are hidden, so that the picture must tell", most=0.99
    )
    mirror: bool = option(True, "show half of the pictures in the mirror")
    average: float | None = option(0.998, "decay of the running average of the weights, a step", most=0.99999)
    patience: int | None = option(None, "epochs without a better figure on dev after which training ends", least=1)
    dev_pictures: int | None = option(
        None, "pictures of dev that are captioned after an epoch, where all take long", least=1
    )
    bfloat16: bool = option(True, "multiply in bfloat16")
    seed: int = option(0)


@dataclass(frozen=True)
class Dev:
    """The pictures on which everything is chosen, and what people say of them."""

    pictures: Pictures
    references: Sequence[Sequence[str]]
    parts: Parts
    bfloat16: bool

    def captions(self, network: Any) -> list[tuple[str, float]]:
        """What a network says of each picture, with the mean log-probability of its tokens."""
        settings, told = network.generation_config, []
        for start in range(0, len(self.references), TELLING):
            rows = range(start, min(start + TELLING, len(self.references)))
            pixel_values = self.pictures.look(rows, [False] * len(rows))
            with _autocast(network.device, self.bfloat16):
                told.extend(tell(network, pixel_values, self.parts.tokenizer, settings))
        return told

    def score(self, network: Any) -> dict[str, float]:
        """Figures of what a network says; `figure` brings the two that count to one scale."""
        scores = score([text for text, _ in self.captions(network)], self.references)
        return {"figure": scores.rouge_l_best + scores.bleu_4 / 100, **_figures(scores)}


def train(run: Run) -> None:
    """Train into a run's folder, or go on from its state; then fit the confidence on dev, and write the card.

    Raises ModelNotFound, ModelCorrupt or ModelUnsupported for what it starts from, DatasetError for the data.
    """
    options = from_json(Options, run.options)
    torch.manual_seed(options.seed)
    examples = list(read(Path(options.data), "train"))
    parts = start_from(options, examples)
    tqdm.write(_sentence(parts))
    dev = _dev(options, parts)
    task = _task(options, parts, examples, dev)
    best = fit(run, task)
    certainty = calibrate(run.model, dev, parts)
    scores = {name: value for name, value in best.items() if name != "figure"}
    metrics = {"dev": scores, "certainty": asdict(certainty), "new_weights": _grouped(parts.new)}
    names = (options.model,) if options.model else (options.encoder, options.decoder)
    origin = " and ".join(f"`{without_folders(name)}`" for name in names)
    text = f"A vision transformer whose patches a BERT reads by a cross-attention, trained from {origin}. {CONFIDENCE}"
    finish(run, metrics, title="ViT-BERT captioner", text=text, dev=scores)


def start_from(options: Options, examples: Sequence[Example]) -> Parts:
    """The network to train. Raises UsageError where the options name none, or two."""
    if options.model:
        if options.encoder or options.decoder:
            raise UsageError("Give --model alone, or --encoder and --decoder.")
        parts = vit_bert_parts.reopen(options.model)
    elif options.encoder and options.decoder:
        encoder, decoder = options.encoder, options.decoder
        parts = vit_bert_parts.assemble(encoder, decoder, layers=options.layers, dropout=options.dropout)
        if parts.image_processor is None:
            parts.network.encoder.standardise(torch.from_numpy(np.array(_maps(options, "train").sides[0][::6])))
    else:
        raise UsageError("Give --encoder and --decoder, or --model.")
    if options.seen is not None:
        texts = (tidy(caption) for example in examples for caption in example.captions)
        parts = vit_bert_parts.keep_seen_words(parts, texts, options.seen)
    if not options.train_encoder and parts.image_processor is not None:
        parts.network.encoder.requires_grad_(False)
    return replace(parts, network=parts.network.to(device()))


def device() -> torch.device:
    """Where to train: the GPU, if there is one."""
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return accelerator or torch.device("cpu")


def loss_of(network: Any, pixel_values: torch.Tensor, texts: Texts, options: Options) -> torch.Tensor:
    """The summed cross-entropy of every token after the first of the captions of n pictures."""
    inputs = texts.tokens
    if options.word_dropout:
        hidden = (torch.rand(inputs.shape, device=inputs.device) < options.word_dropout) & (texts.places > 0)
        inputs = inputs.masked_fill(hidden, network.config.mask_token_id)
    logits = network(
        pixel_values=pixel_values,
        decoder_input_ids=inputs,
        decoder_attention_mask=texts.reach,
        decoder_position_ids=texts.places + first_place(network.config.decoder),
        use_cache=False,
    ).logits
    counted = texts.foretold
    return functional.cross_entropy(
        logits[:, :-1][counted].float(),
        texts.tokens[:, 1:][counted],
        reduction="sum",
        label_smoothing=options.label_smoothing,
    )


def _task(options: Options, parts: Parts, examples: Sequence[Example], dev: Dev) -> Task:
    network, settings = parts.network, parts.network.generation_config
    network.config.mask_token_id = _first(parts.tokenizer.mask_token_id, parts.tokenizer.unk_token_id)
    decoder = network.config.decoder
    captions = Captions.of(
        examples,
        parts.tokenizer,
        start=settings.decoder_start_token_id,
        end=settings.eos_token_id,
        longest=min(options.longest, decoder.max_position_embeddings - first_place(decoder)),
    )
    pictures = _pictures(options, parts, "train", examples)
    frozen = not any(parameter.requires_grad for parameter in network.encoder.parameters())

    def ready() -> None:
        if frozen:  # its dropout too; `fit` puts the whole network into training before each epoch
            network.encoder.eval()

    def step(batch: Batch) -> torch.Tensor:
        total = torch.zeros(())
        count = sum(len(ids) - 1 for row in batch.rows for ids in captions.numbers[row])
        for places in torch.arange(len(batch.rows)).tensor_split(min(options.parts, len(batch.rows))):
            rows, mirrored = ([column[place] for place in places.tolist()] for column in batch)
            pixel_values = pictures.look(rows, mirrored).to(network.device)
            texts = captions.batch(rows).to(network.device)
            with _autocast(network.device, options.bfloat16), _attention(network.device):
                loss = loss_of(network, pixel_values, texts, options) / count
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach().cpu()
        return total

    steps = -(-len(examples) // options.pictures)
    optimiser = _optimiser(parts, options)
    return Task(
        network=network,
        optimiser=optimiser,
        schedule=_schedule(optimiser, options, steps * options.epochs),
        steps_per_epoch=steps,
        epochs=options.epochs,
        batches=batches(len(examples), options.pictures, mirror=options.mirror, ready=ready),
        step=step,
        score=dev.score,
        figure="figure",
        save=lambda best, folder: save(parts, best, folder),
        seed=options.seed,
        average=options.average,
        patience=options.patience,
    )


def _optimiser(parts: Parts, options: Options) -> torch.optim.Optimizer:
    """AdamW with a learning rate for new weights and one for the others; biases and norms do not decay."""
    groups = []
    for new, rate in ((True, options.new_learning_rate), (False, options.learning_rate)):
        for matrices, decay in ((True, options.weight_decay), (False, 0.0)):
            found = [
                parameter
                for name, parameter in parts.network.named_parameters()
                if parameter.requires_grad and (name in parts.new) == new and (parameter.dim() > 1) == matrices
            ]
            if found:
                groups.append({"params": found, "lr": rate, "weight_decay": decay})
    return torch.optim.AdamW(groups, betas=(0.9, 0.98))


def _schedule(optimiser: torch.optim.Optimizer, options: Options, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    """Learning rates rise in the first steps, then fall to 0."""
    rising = max(1, round(options.warm_up * steps))

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        left = (steps - step) / max(1, steps - rising)
        return left if options.schedule == "linear" else 0.5 - 0.5 * math.cos(math.pi * left)

    return torch.optim.lr_scheduler.LambdaLR(optimiser, factor)


def save(parts: Parts, network: Any, folder: Path) -> None:
    """Write a network in Hugging Face format, in place of an earlier one, whole or not at all."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        parts.save_pretrained(partial, network)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def calibrate(folder: Path, dev: Dev, parts: Parts) -> Certainty:
    """Fit on dev how likely a caption is good, given its certainty, and note it in the model's config.json.

    Where all captions are good, or none is, there is nothing to fit: the model keeps the measure that nobody measured.
    """
    network = vit_bert_parts.reopen(str(folder)).network.to(parts.network.device)
    texts, values = zip(*dev.captions(network), strict=True)
    good = np.array([max(scores) >= GOOD for scores in rouge_l(texts, dev.references)])
    if good.all() or not good.any():
        tqdm.write("The confidence could not be fitted: on dev, all captions are good, or none is.")
        return Certainty()
    slope, offset = fit_logistic(np.array(values), good)
    certainty = Certainty(slope=slope, offset=offset, unsure_below=0.5)
    unsure = np.array([certainty.confidence(value) < certainty.unsure_below for value in values])
    tqdm.write(
        f"{certainty}: unsure of {unsure.sum()} of {len(texts)} captions on dev, of which {good[unsure].sum()} are "
        f"good; of the others {good[~unsure].sum()} are"
    )
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    with whole(path) as partial:
        partial.write_text(json.dumps({**config, SETTINGS: asdict(certainty)}, indent=2) + "\n", encoding="utf-8")
    return certainty


def _dev(options: Options, parts: Parts) -> Dev:
    examples = list(read(Path(options.data), "dev"))[: options.dev_pictures]
    pictures = _pictures(options, parts, "dev", examples)
    return Dev(pictures, [example.captions for example in examples], parts, options.bfloat16)


def _pictures(options: Options, parts: Parts, split: Split, examples: Sequence[Example]) -> Pictures:
    if parts.image_processor is None:
        return _maps(options, split)
    return Photos([example.path for example in examples], parts.image_processor)


def _maps(options: Options, split: Split) -> Maps:
    sides = (False, True) if options.mirror and split == "train" else (False,)
    return Maps([feature_maps(Path(options.data), split, Path(options.cache), mirrored=side) for side in sides])


def _autocast(where: torch.device, bfloat16: bool) -> torch.autocast:
    return torch.autocast(where.type, torch.bfloat16, enabled=bfloat16)


def _attention(where: torch.device) -> AbstractContextManager[None]:
    """On a CPU, the way of attention whose gradients are quickest under a mask: 0.4 against 2.8 s a step."""
    return sdpa_kernel(SDPBackend.MATH) if where.type == "cpu" else nullcontext()


def _figures(scores: CaptionScores) -> dict[str, float]:
    return {name: float(value) for name, value in asdict(scores).items() if isinstance(value, int | float)}


def _grouped(names: Iterable[str]) -> list[str]:
    """Names of weights, those of all layers as one."""
    return sorted({re.sub(r"\.\d+\.", ".N.", name) for name in names})


def _sentence(parts: Parts) -> str:
    sizes = {name: parameter.numel() for name, parameter in parts.network.named_parameters()}
    new = sum(sizes[name] for name in parts.new if name in sizes)
    return f"{new:,} of {sum(sizes.values()):,} weights are new: {', '.join(_grouped(parts.new)) or 'none'}"


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)
