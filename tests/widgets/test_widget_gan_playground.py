"""The playground: every control and button is moved, and game and picture are checked in numbers."""

import asyncio

import numpy as np
import pytest

from pix2pix_edu.errors import UsageError
from pix2pix_edu.gan import Gan2D
from pix2pix_edu.widgets import GanPlayground, style
from pix2pix_edu.widgets.gan_playground import FACE, MOST_STEPS, PointPad, plane


@pytest.fixture
def playground():
    return GanPlayground()


def same_networks(one, other):
    pairs = zip(
        [*one.generator.parameters, *one.discriminator.parameters],
        [*other.generator.parameters, *other.discriminator.parameters],
        strict=True,
    )
    return all((a == b).all() for a, b in pairs)


def test_it_plays_exactly_the_game_of_the_library(playground):
    playground.advance(30)
    game = Gan2D("ring", seed=0)
    for _ in range(30):
        game.step()
    assert same_networks(playground.gan, game)
    assert playground.text.startswith("Step 30.") and "Modes covered" in playground.text


def test_the_plane_shows_the_map_and_the_points_where_they_are(playground):
    game = playground.gan
    size = 400
    picture = plane(game, size, arrows=False).astype(int)
    for place in ([-1.9, 1.9], [1.9, -1.9], [1.9, 1.9], [-1.9, -1.9]):
        near = np.abs(np.concatenate([game.real_samples(250), game.samples(250)]) - place).max(axis=1)
        assert near.min() > 0.1, "choose a place without points"
        x, y = round((place[0] + 2) * 100), round((2 - place[1]) * 100)
        red, _, blue = picture[y, x]
        says_real = game.discriminator_map(np.array(place)) > 0.5
        assert (red < blue) == says_real, "green has less red than blue, orange has more"
    x, y = game.real_samples(250)[0]
    patch = picture[round((2 - y) * 100) - 1 :, round((x + 2) * 100) - 1 :][:3, :3].reshape(-1, 3)
    assert np.abs(patch - style.rgb(style.REAL)).sum(axis=1).min() < 120
    assert (plane(game, size, arrows=True) != picture).any(axis=-1).sum() > 200, "arrows are drawn"


def test_one_player_can_move_alone(playground):
    before, picture = [array.copy() for array in playground.gan.generator.parameters], playground.png
    playground.step_discriminator()
    assert all((a == b).all() for a, b in zip(before, playground.gan.generator.parameters, strict=True))
    assert playground.png != picture and playground.text.startswith("Step 1.")
    before, picture = [array.copy() for array in playground.gan.discriminator.parameters], playground.png
    playground.step_generator()
    assert all((a == b).all() for a, b in zip(before, playground.gan.discriminator.parameters, strict=True))
    assert playground.png != picture and playground.text.startswith("Step 2.")


def buttons_of(playground):
    row = playground.view.children[1].children[0]
    job_row = row.children[0].children[0]
    return {button.description: button for button in [*job_row.children[:3], *row.children[1:]]}


def test_the_buttons_do_what_they_say(playground):
    buttons = buttons_of(playground)
    assert list(buttons) == ["Play", "Step", "Begin anew", "D only", "G only"]
    start = playground.png
    for name, step in (("D only", 1), ("G only", 2), ("Step", 3)):
        buttons[name].click()
        assert playground.gan.steps == step and playground.text.startswith(f"Step {step}.")
        assert playground.gan.history["step"][-1] == step, "losses and charts belong to this very step"
    buttons["Begin anew"].click()
    assert playground.gan.steps == 0 and playground.png == start and playground.job.state == "ready"


def test_it_plays_pauses_and_goes_on(playground):
    async def learner():
        playground.job._thread, playground.job._loop = None, None  # the job was made outside of this loop
        playground.job.start()
        assert playground.job.state == "running"
        await asyncio.sleep(0.3)
        playground.job.stop()
        await playground.job.wait()

    pictures = {playground.png}
    for _ in range(2):
        steps = playground.gan.steps
        asyncio.run(learner())
        assert steps < playground.gan.steps < MOST_STEPS and playground.job.state == "stopped"
        pictures.add(playground.png)
    assert len(pictures) == 3 and buttons_of(playground)["Play"].description == "Play"


@pytest.mark.parametrize("name, value", [("distribution", "spiral"), ("noise_dim", 5), ("seed", 3)])
def test_these_controls_begin_a_new_game(playground, name, value):
    playground.advance(3)
    game, picture = playground.gan, playground.png
    playground.controls[name].value = value
    assert playground.gan is not game and playground.gan.steps == 0 and playground.png != picture
    settings = {"distribution": "ring", "noise_dim": 2, "seed": 0, name: value}
    expected = Gan2D(settings.pop("distribution"), **settings)
    assert same_networks(playground.gan, expected)
    assert (playground.gan.real_samples(50) == expected.real_samples(50)).all()


def test_a_new_game_is_played_by_the_rules_that_are_set(playground):
    playground.set(k=4, d_rate=1e-3, g_rate=2e-3, loss="lsgan")
    playground.controls["seed"].value = 1
    playground.advance(2)
    game = Gan2D("ring", loss="lsgan", k=4, learning_rate=1e-3, generator_learning_rate=2e-3, seed=1)
    for _ in range(2):
        game.step()
    assert same_networks(playground.gan, game)
    playground.reset()
    playground.advance(2)
    assert same_networks(playground.gan, game), "after Begin anew as well"


def test_these_controls_change_the_game_that_is_played(playground):
    playground.advance(3)
    game = playground.gan
    playground.set(k=20, d_rate=2e-4, g_rate=1e-2)
    playground.controls["loss"].value = "hinge"
    assert playground.gan is game and game.steps == 3
    assert (game.k, game.loss) == (20, "hinge") and "chance 2.00" in playground.text
    assert (game._discriminator_adam.learning_rate, game._generator_adam.learning_rate) == (2e-4, 1e-2)
    assert game.history["step"][-1] == 3 and game.history["step"].count(3) == 1, "measured again, not twice"


def test_arrows_can_be_hidden(playground):
    with_arrows = playground.picture
    playground.controls["arrows"].value = False
    assert (playground.picture != with_arrows).any() and playground.gan.steps == 0


def test_messages_from_the_browser_have_the_same_effect(playground):
    playground.controls["distribution"].set_state({"index": 1})
    playground.controls["k"].set_state({"value": 7})
    assert playground.gan.real.name == "spiral" and playground.gan.k == 7
    assert "Modes covered" not in playground.text


def test_drawn_points_become_real_while_the_game_goes_on(playground):
    assert playground.pad.layout.display == "none"
    playground.set(distribution="drawn")
    assert playground.pad.layout.display == "" and playground.pad.points == FACE
    playground.advance(2)
    game, picture = playground.gan, playground.png
    playground.pad.set_state({"points": [[1.5, -1.5]]})
    assert playground.gan is game and game.steps == 2 and playground.png != picture
    assert np.allclose(game.real_samples(100).mean(axis=0), [1.5, -1.5], atol=0.05)
    playground.advance(3)
    assert playground.gan.steps == 5


def test_an_empty_pad_keeps_what_was_drawn_and_says_so(playground):
    playground.set(distribution="drawn")
    playground.pad.points = [[1.0, 1.0]]
    playground.pad.points = []
    assert "The pad is empty" in playground.text
    playground.reset()
    assert np.allclose(playground.gan.real_samples(100).mean(axis=0), 1, atol=0.05)
    playground.set(distribution="ring")
    playground.pad.points = [[0.0, 0.0]]  # not shown, so it changes nothing
    assert playground.gan.real.name == "ring" and "empty" not in playground.text


def test_the_pad_keeps_points_inside_as_it_gets_them():
    pad = PointPad(points=FACE)
    assert len(FACE) > 50 and np.abs(FACE).max() <= 2
    assert pad.limit == 2 and pad.get_state()["points"] == FACE


def test_first_values_and_steps_can_be_given():
    playground = GanPlayground(steps=5, distribution="grid", k=2)
    assert playground.gan.steps == 5 and playground.gan.real.name == "grid" and playground.gan.k == 2
    with pytest.raises(UsageError, match="Did you mean 'k'"):
        GanPlayground(kk=2)


def test_all_marks_have_words_and_the_picture_fits_half_a_screen(playground):
    height, width, _ = playground.picture.shape
    assert width <= 720 and height <= 440
    for kind in ("minimax", "lsgan", "hinge"):
        playground.set(loss=kind)
        playground.advance(1)
    assert playground.error is None
