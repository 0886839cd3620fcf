"""Settings of the trainings of a flow: all of a recipe's, and what goes on beside the steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, PlainSerializer, PlainValidator, model_validator

from netwright.errors import ConfigError
from netwright.flows.choice import Choice, reader_of_several
from netwright.settings import Settings
from netwright.train.recipe import Device, Keep, Optimizer, Order, Precision, Recipe, Schedule

if TYPE_CHECKING:
    from netwright.train import Callback

Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
LearningRate = Annotated[float, Field(gt=0, lt=10)]
Share = Annotated[float, Field(ge=0, lt=1)]

_DEFAULT = Recipe()


class CallbackSection(Choice):
    """What goes on beside the steps of a training; the other settings are its options.

    Attributes:
        kind: Name of a callback, or of one in a Python file.
    """

    OF: ClassVar[str] = "callbacks"
    GIVEN: ClassVar[tuple[str, ...]] = ("folder",)


class TrainingSettings(Settings):
    """Every setting of a :class:`~netwright.train.Recipe` but its seed: the flow has the seeds.

    Attributes:
        epochs: Passes over the training rows.
        batch_size: Rows in one step, over all devices together.
        learning_rate: Peak of the schedule.
        optimizer: ``"adam"``, or ``"adamw"`` for weight decay apart from the gradients.
        weight_decay: Of the optimizer.
        schedule: How the learning rate falls behind the warm-up.
        warmup: Share of the steps in which the learning rate rises to its peak.
        max_norm: Gradients are scaled down to this norm.
        precision: Of the products.
        device: Where it runs.
        devices: How many devices share the rows of every step.
        keep: Whether the best epoch is kept, or the last one.
        keep_from: First epoch that may be kept as the best one.
        batches: How rows are put together.
        callbacks: What goes on beside the steps, in this order.
    """

    epochs: Count = _DEFAULT.epochs
    batch_size: Count = _DEFAULT.batch_size
    learning_rate: LearningRate = _DEFAULT.learning_rate
    optimizer: Optimizer = _DEFAULT.optimizer
    weight_decay: Annotated[float, Field(ge=0)] = _DEFAULT.weight_decay
    schedule: Schedule = _DEFAULT.schedule
    warmup: Share = _DEFAULT.warmup
    max_norm: Annotated[float, Field(gt=0)] | None = _DEFAULT.max_norm
    precision: Precision = _DEFAULT.precision
    device: Device = _DEFAULT.device
    devices: Annotated[int, Field(ge=1, le=1024)] = _DEFAULT.devices
    keep: Keep = _DEFAULT.keep
    keep_from: Count = _DEFAULT.keep_from
    batches: Order = _DEFAULT.batches
    callbacks: Annotated[
        tuple[CallbackSection, ...],
        PlainValidator(reader_of_several(CallbackSection)),
        PlainSerializer(lambda found: [section.model_dump(mode="json") for section in found]),
    ] = ()

    @model_validator(mode="after")
    def _is_a_recipe(self) -> Self:
        try:
            self.recipe()
        except ConfigError as error:
            raise ValueError(error.message) from error
        return self

    def recipe(self, *, seed: int = 0) -> Recipe:
        """The recipe with a seed."""
        names = (item.name for item in fields(Recipe) if item.name != "seed")
        return Recipe(seed=seed, **{name: getattr(self, name) for name in names})

    def callback_files(self, label: str, folder: Path) -> dict[str, Path]:
        """Files that callbacks are made from, by a name that begins with the label."""
        found: dict[str, Path] = {}
        for number, section in enumerate(self.callbacks):
            found |= section.files(_label(label, number), folder)
        return found

    def made_callbacks(
        self, label: str, inputs: Mapping[str, Path], *, folder: Path
    ) -> list[Callback]:
        """The callbacks.

        Args:
            label: As for :meth:`callback_files`.
            inputs: The files, by name.
            folder: Where records of the training are written.

        Raises:
            ConfigError: What a Python file makes is no callback.
        """
        from netwright.train import Callback

        made = []
        for number, section in enumerate(self.callbacks):
            found = section.make(_label(label, number), inputs, folder=folder)
            if not isinstance(found, Callback):
                raise ConfigError(
                    f'callback "{section.kind}" must make a netwright.train.Callback, '
                    f"not {type(found).__name__}"
                )
            made.append(found)
        return made


def _label(label: str, number: int) -> str:
    return f"{label}.callbacks[{number}]"
