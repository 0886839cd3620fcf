"""The closed loop: what controllers achieve, and what becomes of machines that fail."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import ConfigError
from netwright.tasks.beam import (
    CM1,
    CM2,
    AffinePlant,
    Broyden,
    Controller,
    Faults,
    Machines,
    Measured,
    Nothing,
    OrbitLoop,
    Random,
    Rules,
    run_closed_loop,
    svd_controller,
)


def plant(count: int = 40, line: object = CM1, **faults: float) -> AffinePlant:
    drawn = Machines.draw(line, count, np.random.default_rng(3), Faults(**faults))  # type: ignore[arg-type]
    return AffinePlant(drawn)


class Blinded(AffinePlant):
    """A monitor says NaN from the third reading on, on machine 1."""

    reads = 0

    def read(self, settings: np.ndarray, random: np.random.Generator) -> np.ndarray:
        self.reads += 1
        found = super().read(settings, random)
        if self.reads > 3:
            found[1, 5] = np.nan
        return found


def test_nothing_and_random_do_not_correct() -> None:
    none = run_closed_loop(plant(), Nothing())
    assert np.all(none.last_mm > 0)
    assert none.share_below(0.5) == 0
    assert none.settings[0].tolist() == [0.3] * 10
    assert run_closed_loop(plant(), Random(1)).share_below(1.0) < 0.2


@pytest.mark.parametrize("controller", [svd_controller(CM1), Measured(), Broyden()], ids=str)
def test_textbook_controllers_solve_the_published_randomization(controller: Controller) -> None:
    found = run_closed_loop(plant(), controller)
    assert found.success.all()
    assert found.share_below(0.5) == 1.0
    assert np.all(found.first_mm > found.last_mm)


def test_a_measured_matrix_knows_a_swapped_sign_and_pays_for_it() -> None:
    swapped = plant(swapped=2)
    assert run_closed_loop(swapped, svd_controller(CM1)).share_below(1.0) < 0.2
    found = run_closed_loop(swapped, Measured())
    assert found.share_below(1.0) == 1.0
    assert found.steps.min() > CM1.num_correctors


def test_any_function_of_observations_will_do() -> None:
    gain = svd_controller(CM1).gain
    by_function = run_closed_loop(plant(), lambda seen: -seen[:, 20:] @ gain.T)
    by_controller = run_closed_loop(plant(), svd_controller(CM1))
    assert np.array_equal(by_function.steps, by_controller.steps)
    assert np.allclose(by_function.last_mm, by_controller.last_mm, atol=1e-4)


def test_actions_and_observations_are_kept() -> None:
    found = run_closed_loop(plant(), svd_controller(CM1))
    for machine in range(len(found)):
        taken = np.isfinite(found.actions[:, machine]).all(axis=1)
        assert taken.sum() == found.steps[machine]
        moved = np.clip(found.actions[taken, machine], -1, 1).sum(axis=0) + 0.3
        assert np.allclose(moved, found.settings[machine])


def test_a_machine_that_reads_no_number_is_left_at_its_last_safe_setting() -> None:
    blinded = Blinded(Machines.draw(CM1, 5, np.random.default_rng(3)))
    gain = svd_controller(CM1).gain

    def policy(seen: np.ndarray) -> np.ndarray:
        assert np.isfinite(seen).all(), "a machine that is held must not disturb a policy"
        return -seen[:, 20:] @ gain.T

    found = run_closed_loop(blinded, policy)
    assert found.held[1] == "monitor reading y3 is nan"
    assert found.held[0] == ""
    assert found.success.tolist() == [True, False, True, True, True]
    # one step was good, the second one read NaN and is taken back
    good = np.clip(found.actions[0, 1], -1, 1) + 0.3
    assert np.allclose(found.settings[1], good)


def test_a_dead_supply_is_named_before_anything_is_moved() -> None:
    found = run_closed_loop(plant(dead_correctors=1), svd_controller(CM1))
    assert all(why.endswith("is set to 0.3 and reads back 0") for why in found.held)
    assert np.all(found.steps == 0)
    assert np.all(found.settings == 0.3)


def test_a_policy_that_says_no_number_holds_its_machine() -> None:
    def broken(seen: np.ndarray) -> np.ndarray:
        said = np.zeros((len(seen), 10))
        said[2, 9] = np.inf
        return said

    found = run_closed_loop(plant(4), broken, rules=Rules(steps=5))
    assert found.held == ("", "", "the action for corrector Y5 is inf", "")
    assert found.steps.tolist() == [5, 5, 0, 5]


def test_a_policy_of_another_machine_is_refused() -> None:
    gain = svd_controller(CM1).gain
    with pytest.raises(ConfigError) as caught:
        run_closed_loop(plant(4, CM2), lambda seen: seen[:, 20:] @ gain.T)
    assert str(caught.value).startswith(
        "the policy does not read the observations of cm2, 24 values each: "
    )
    assert caught.value.hint == "a policy belongs to one beam line; train one for this"
    with pytest.raises(ConfigError) as caught:
        run_closed_loop(plant(4, CM2), lambda seen: np.zeros((len(seen), 10)))
    assert caught.value.message == (
        "the policy gives actions of shape (4, 10), and cm2 has 8 correctors: (4, 8)"
    )


def test_a_controller_sees_the_loop_as_a_control_room_does() -> None:
    class Watching(Nothing):
        def act(self, loop: OrbitLoop) -> np.ndarray:
            assert loop.settings.shape == (4, 10)
            return super().act(loop)

    assert len(run_closed_loop(plant(4), Watching(), rules=Rules(steps=2))) == 4
