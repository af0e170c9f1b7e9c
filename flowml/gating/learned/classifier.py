"""The estimator: learns populations from labelled samples, and finds them in others."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FlowmlError, LabelError, ModelError
from flowml.gating.learned.drawing import Drawn, coded, drawn, joined
from flowml.gating.learned.file import load_events, save_events
from flowml.gating.learned.fitting import NetworkSettings, fit_network
from flowml.gating.learned.labels import UNLABELLED
from flowml.gating.learned.model import EventModel
from flowml.gating.learned.network import MOST
from flowml.gating.learned.scores import CELLS, EventScores
from flowml.gating.learned.values import AUTO, common_view
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from flowml.gating.populations import Populations
    from flowml.records import Sample


class EventClassifier:
    """Tell artefacts from cells, and lineages of cells from each other, event by event.

    Parameters
    ----------
    artefact : str
        The class of events that are no cells: debris, doublets. Whether an event is one, and
        of which lineage it is if it is a cell, are decided separately.
    clonal : sequence of str
        Lineages of which there may be cells that no training sample shows, as clones are:
        some of their training events are moved towards others of these lineages in a few
        channels, so that no single marker decides. Name those with many events only.
    threshold : float
        From this probability on an event is called an artefact.
    scale : str
        Scale of fluorescence: a key of `flowml.preprocess.TRANSFORMS`; ``stored`` for values
        that are on a display scale already; ``auto`` decides between these and logicle.
    most_events : int
        Events of each class that are taken of a sample.
    settings : NetworkSettings
        How the network is trained.
    """

    def __init__(
        self,
        *,
        artefact: str = "artefact",
        clonal: Sequence[str] = (),
        threshold: float = 0.5,
        scale: str = AUTO,
        most_events: int = 2000,
        settings: NetworkSettings | None = None,
    ) -> None:
        self.artefact = artefact
        self.clonal = tuple(clonal)
        self.threshold = threshold
        self.scale = scale
        self.most_events = most_events
        self.settings = settings or NetworkSettings()
        self._model: EventModel | None = None

    def fit(
        self,
        samples: Sequence[Sample],
        labels: Sequence[ArrayLike],
        compensation: str = "auto",
    ) -> EventClassifier:
        """Learn from labelled samples.

        Parameters
        ----------
        samples : sequence of Sample
            Of one panel; channels that not all of them have are passed over.
        labels : sequence of array-like of str, each of shape (n_events,)
            Class of every event of each sample: a lineage, the name of artefacts, or nothing
            for an event that is passed over. A lineage without any event in a sample counts
            as not told apart there.
        compensation : str
            Policy, as in `flowml.preprocess.choose_unmixing`.

        Returns
        -------
        EventClassifier
            Itself; the same for the same samples, labels and settings.

        Raises
        ------
        LabelError
            If labels do not belong to the samples, there are fewer than two classes, or a
            class has no event with all its values.
        PanelError
            If the samples have no channel in common.
        StateError
            If some are on a display scale and some are not.
        FlowmlError
            If a parameter of the classifier makes no sense.
        """
        self._check_parameters()
        names = _checked(samples, labels)
        counts = Counter(name for of_sample in names for name in of_sample if name)
        lineages = self._lineages(counts)
        view = common_view(samples, self.scale)
        parts = [
            self._of_sample(view.events(sample, compensation), of_sample, lineages, place)
            for place, (sample, of_sample) in enumerate(zip(samples, names, strict=True))
        ]
        self._check_drawn(parts, lineages)
        clonal = tuple(map(lineages.index, self.clonal))
        network = fit_network(joined(parts), clonal, self.settings)
        self._model = EventModel(
            view, lineages, self.artefact, self.threshold, network, dict(counts)
        )
        return self

    def trained(self) -> EventModel:
        """Return the trained model.

        Returns
        -------
        EventModel
            A record of arrays.

        Raises
        ------
        ModelError
            If nothing was learned yet.
        """
        if self._model is None:
            raise ModelError("this classifier of events was not trained. Call fit() first.")
        return self._model

    def scores(self, sample: Sample, compensation: str = "auto") -> EventScores:
        """Tell how likely each event is of each class.

        Parameters
        ----------
        sample : Sample
            With the channels that the classifier sees, in any order.
        compensation : str
            Policy, as in `flowml.preprocess.choose_unmixing`.

        Returns
        -------
        EventScores
            As `flowml.gating.learned.model.EventModel.scores` gives them.
        """
        return self.trained().scores(sample, compensation)

    def populations(self, sample: Sample, compensation: str = "auto") -> Populations:
        """Find the populations of a sample.

        Parameters
        ----------
        sample : Sample
            With the channels that the classifier sees, in any order.
        compensation : str
            Policy, as in `flowml.preprocess.choose_unmixing`.

        Returns
        -------
        Populations
            Artefacts; cells, and the lineages within them.
        """
        return self.scores(sample, compensation).populations()

    def save(self, path: Path | str) -> None:
        """Write what was learned as one file.

        Parameters
        ----------
        path : path-like
            The file appears only when it is whole.

        Raises
        ------
        OutputError
            If it cannot be written.
        ModelError
            If nothing was learned yet.
        """
        save_events(self.trained(), path)

    @classmethod
    def load(cls, path: Path | str, *, sha256: str | None = None) -> EventClassifier:
        """Read what `save` wrote, and check it before anything of it is used.

        Parameters
        ----------
        path : path-like
            The file.
        sha256 : str, optional
            Refuse any file but the one with this hash.

        Returns
        -------
        EventClassifier
            Gives the same bits as the one that was saved.

        Raises
        ------
        ModelError
            If the file is no such classifier, is damaged, or is not the one asked for.
        """
        return cls.of(load_events(path, sha256=sha256))

    @classmethod
    def of(cls, model: EventModel) -> EventClassifier:
        """Return a classifier that knows what a model has learned.

        Parameters
        ----------
        model : EventModel
            Trained.

        Returns
        -------
        EventClassifier
            Ready to be asked.
        """
        found = cls(artefact=model.artefact, threshold=model.threshold, scale=model.view.scale)
        found._model = model
        return found

    def _check_parameters(self) -> None:
        if not 0 < self.threshold <= 1 or self.most_events < 1:
            raise FlowmlError(
                f"the threshold is {self.threshold} and most_events {self.most_events}; "
                "expected a probability above 0, and 1 or more."
            )
        if self.artefact in {"", CELLS}:
            raise FlowmlError(
                f"artefacts are called {self.artefact!r}; expected another name, not empty."
            )

    def _check_drawn(self, parts: list[Drawn], lineages: tuple[str, ...]) -> None:
        """See that there is something to learn of every class."""
        known = {code for part in parts for code in np.unique(part.codes).tolist()}
        wanted = dict(enumerate(lineages))
        if lacking := [name for code, name in wanted.items() if code not in known]:
            raise LabelError(
                f"no event of {printable(lacking[0])!r} has a value in all channels that the "
                "samples have in common: nothing of it can be learned. Look at these channels, "
                "or give its events the empty name."
            )
        if len(known) < 2:
            raise LabelError(
                f"no event of {printable(self.artefact)!r} has a value in all channels that "
                "the samples have in common, and there is one lineage only. Look at these "
                "channels."
            )

    def _lineages(self, counts: Counter[str]) -> tuple[str, ...]:
        """Return the lineages, in order of their names, after checking all names."""
        lineages = tuple(sorted(set(counts) - {self.artefact}))
        if len(counts) < 2 or not 0 < len(lineages) <= MOST or CELLS in counts:
            raise LabelError(
                f"the labels name {printable(', '.join(sorted(counts)) or 'nothing', 120)}; "
                f"expected a lineage and one class more, at most {MOST}, none called "
                f"{CELLS!r}. Label lineages of cells, and {printable(self.artefact)!r}."
            )
        if unknown := [name for name in self.clonal if name not in lineages]:
            raise LabelError(
                f"the clonal lineage {printable(unknown[0])!r} is not among the labels: "
                f"{printable(', '.join(lineages), 200)}. Name one of these."
            )
        return lineages

    def _of_sample(
        self,
        rows: NDArray[np.float32],
        names: NDArray[np.object_],
        lineages: tuple[str, ...],
        place: int,
    ) -> Drawn:
        """Draw labelled events of a sample that have all values."""
        usable = (names != UNLABELLED) & np.isfinite(rows).all(axis=1)
        codes = coded(names[usable], lineages, self.artefact)
        seed = self.settings.seed + place
        return drawn(rows[usable], codes, len(lineages), self.most_events, seed)


def _checked(
    samples: Sequence[Sample], labels: Sequence[ArrayLike]
) -> list[NDArray[np.object_]]:
    """Return the labels of each sample, one for every event."""
    if not samples or len(samples) != len(labels):
        raise LabelError(
            f"there are {len(samples)} samples and {len(labels)} lists of labels; expected one "
            "list for each sample, and one sample at least."
        )
    names = [np.asarray(item, dtype=object) for item in labels]
    for sample, item in zip(samples, names, strict=True):
        if item.shape != (sample.n_events,):
            raise LabelError(
                f"the labels of {printable(sample.name)} have the shape {item.shape}, expected "
                f"({sample.n_events},): a name for each event."
            )
        if odd := [label for label in item if not isinstance(label, str)]:
            raise LabelError(
                f"a label of {printable(sample.name)} is {printable(odd[0], 40)}, expected "
                "text. Give an empty name where none is known."
            )
    return names
