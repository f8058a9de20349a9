"""Puts captioners together that were trained alike from different seeds; `train chorus` runs this.

Nothing is learnt but how to speak: the length power, and what certainty means, on dev.
"""

from dataclasses import dataclass

from ml.captioners.attention_gru import AttentionGRU
from ml.captioners.builtin import Manner, read, save
from ml.captioners.chorus import Chorus
from ml.datasets.examples import Split
from ml.errors import UsageError
from ml.hub import locate
from ml.training import captioner
from ml.training.caption_dev import CONFIDENCE
from ml.training.finish import finish
from ml.training.options import CACHE, from_json, option
from ml.training.run import Run

DESCRIPTION = "Put captioners together that `train captioner` made from different seeds: they say one caption."
SPLITS: tuple[Split, ...] = ("train", "dev")


@dataclass(frozen=True)
class Options:
    """What is put together."""

    models: str = option(help="the model folders of two captioners or more, with commas between them")
    data: str = option(help="folder of the data set on which they were trained, with splits train and dev")
    cache: str = option(CACHE, help="folder of feature maps, kept between runs")
    seed: int = option(0, help="without effect: nothing here is random")


def train(run: Run) -> None:
    """Put together, choose on dev how they speak, and finish the run.

    Raises UsageError where the captioners do not fit together, and what `ml.captioners.builtin.read` raises.
    """
    options = from_json(Options, run.options)
    names = [name.strip() for name in options.models.split(",")]
    network = together(names)  # before the features are computed, which takes long
    lessons = captioner.Lessons.of(captioner.Options(data=options.data, cache=options.cache, model=names[0]))
    save(run.model, network, lessons.vocabulary, Manner(), lessons.tower)
    dev = captioner.choose_manner(run.model, lessons)
    text = (
        f"{len(names)} GRUs of different seeds that look at the feature map of {lessons.tower.info.name}; the mean of "
        f"the probabilities that they give to the next word counts. {CONFIDENCE}"
    )
    title = f"A captioner: {len(names)} GRUs with attention over {lessons.tower.info.name}"
    finish(run, {"dev": dev}, title=title, text=text, dev=dev)


def together(names: list[str]) -> Chorus:
    """The networks of these folders as one. Raises UsageError where they do not fit together."""
    if len(names) < 2:
        raise UsageError("Name two captioners or more, with commas between their folders.")
    voices: list[AttentionGRU] = []
    fitting = None
    for name in names:
        checkpoint = locate(name)
        network, vocabulary, _ = read(checkpoint)
        if not isinstance(network, AttentionGRU):
            raise UsageError(f"{name} is a chorus already; name its voices.")
        fits = vocabulary.words, network.size, checkpoint.config().get("backbone")
        if fitting is not None and fits != fitting:
            raise UsageError(f"{name} and {names[0]} differ in words, size or backbone; train them alike.")
        fitting = fits
        voices.append(network)
    return Chorus(voices)
