"""One line makes an environment, whatever was imported first; and nothing is imported for it."""

import subprocess
import sys

import gymnasium
import gymnax
import pytest

from synthbench import zoo
from synthbench.adapters import registration

NAME = "Synthetic-CartPole-v1"


def runs(script: str) -> str:
    """What a fresh Python shows, in which a warning is an error."""
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_imports_none_of_the_libraries() -> None:
    heavy = {"jax", "flax", "gymnax", "gymnasium", "numpy", "pandas"}
    shown = runs(f"import sys, synthbench; print(sorted({heavy} & set(sys.modules)))")
    assert shown == "[]\n"


@pytest.mark.parametrize("order", ["gymnax, synthbench", "synthbench, gymnax"])
def test_gymnax_makes_it_in_one_line(order: str) -> None:
    assert runs(f"import {order}; print(gymnax.make('{NAME}')[0].name)") == f"{NAME}\n"


@pytest.mark.parametrize("order", ["gymnasium, synthbench", "synthbench, gymnasium"])
def test_gymnasium_makes_it_in_one_line(order: str) -> None:
    assert runs(f"import {order}; print(gymnasium.make('{NAME}').spec.id)") == f"{NAME}\n"


def test_gymnasium_needs_no_import_where_the_name_says_whose_it_is() -> None:
    shown = runs(
        "import gymnasium as g; "
        f"print(g.make('synthbench:{NAME}').spec.id, g.make_vec('synthbench:{NAME}', 3).num_envs)"
    )
    assert shown == f"{NAME} 3\n"


def test_only_looking_for_a_library_does_not_use_the_registration_up() -> None:
    script = "import synthbench, importlib.util as u; u.find_spec('gymnax'); import gymnax; "
    assert runs(f"{script} print('{NAME}' in gymnax.registered_envs)") == "True\n"


def test_libraries_keep_their_own_loader() -> None:
    script = "import synthbench, gymnasium; print('exec_module' in vars(gymnasium.__loader__))"
    assert runs(script) == "False\n"


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

    monkeypatch.setattr("synthbench.zoo.folders.names", damaged)
    with pytest.warns(UserWarning, match=r"not registered: index\.json is not the index"):
        registration.with_gymnasium()
