"""One line makes an environment, whatever was imported first; and nothing is imported for it."""

import subprocess
import sys

import gymnasium
import gymnax
import pytest

from synthgym import zoo
from synthgym.adapters import registration

NAME = "Synthetic-CartPole-v1"


def runs(script: str) -> str:
    """What a fresh Python shows, in which a warning is an error."""
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_imports_none_of_the_libraries() -> None:
    heavy = {"jax", "flax", "gymnax", "gymnasium", "numpy", "pandas"}
    shown = runs(f"import sys, synthgym; print(sorted({heavy} & set(sys.modules)))")
    assert shown == "[]\n"


BOTH = ["gymnax, gymnasium, synthgym", "synthgym, gymnax, gymnasium"]


@pytest.mark.parametrize("order", BOTH)
def test_each_library_makes_it_in_one_line(order: str) -> None:
    made = f"gymnax.make('{NAME}')[0].name, gymnasium.make('{NAME}').spec.id"
    assert runs(f"import {order}; print({made})") == f"{NAME} {NAME}\n"


def test_gymnasium_needs_no_import_where_the_name_says_whose_it_is() -> None:
    shown = runs(
        "import gymnasium as g; "
        f"print(g.make('synthgym:{NAME}').spec.id, g.make_vec('synthgym:{NAME}', 3).num_envs)"
    )
    assert shown == f"{NAME} 3\n"


def test_looking_for_a_library_uses_nothing_up_and_loaders_stay_their_own() -> None:
    script = "import synthgym, importlib.util as u; u.find_spec('gymnax'); import gymnax"
    known = f"'{NAME}' in gymnax.registered_envs, 'exec_module' in vars(gymnax.__loader__)"
    assert runs(f"{script}; print({known})") == "True False\n"


def test_registering_again_changes_nothing() -> None:
    before = list(gymnax.registered_envs), dict(gymnasium.registry), list(sys.meta_path)
    registration.announce()
    registration.with_gymnax()
    registration.with_gymnasium()
    assert before == (list(gymnax.registered_envs), dict(gymnasium.registry), list(sys.meta_path))


def test_all_names_of_the_zoo_are_registered() -> None:
    assert set(zoo.names()) <= set(gymnax.registered_envs)
    assert set(zoo.names()) <= set(gymnasium.registry)


def test_a_damaged_zoo_does_not_break_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged() -> list[str]:
        raise ValueError("index.json is not the index of a zoo.")

    monkeypatch.setattr("synthgym.zoo.names", damaged)
    with pytest.warns(UserWarning, match=r"not registered: index\.json is not the index"):
        registration.with_gymnasium()
