"""Settings by name, and the spaces in which a search tries them."""

from typing import Any

import pytest

from synthgym.core.spaces import contains, nested, value_of


@pytest.mark.parametrize(
    ("how", "inside", "outside"),
    [
        ({"choice": [[32], [64, 64]]}, [64, 64], [64]),
        ({"uniform": [0.0, 1.0]}, 1.0, 1.1),
        ({"log_uniform": [0.01, 1.0]}, 0.01, 0.001),
        ({"one_minus_log_uniform": [0.001, 0.1]}, 0.95, 0.5),
    ],
)
def test_a_space_has_what_can_be_drawn_from_it(how: Any, inside: Any, outside: Any) -> None:
    assert contains(how, inside)
    assert not contains(how, outside)


def test_a_setting_is_read_where_it_is_written() -> None:
    assert nested("agents.ddqn.static.hidden", 3) == {"agents": {"ddqn": {"static": {"hidden": 3}}}}
    assert value_of(nested("meta.sigma", 0.5), "meta.sigma") == 0.5
